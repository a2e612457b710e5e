"""The numbers of one process, for Prometheus.

Names begin with ``framecloak_``; those of the process itself are the ones that all of Prometheus' clients
have. No label holds anything that users choose, or that grows with them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.exposition import choose_encoder

from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport, Concern
from framecloak.domain.errors import InvalidSettingError
from framecloak.domain.ports.metrics import Outcome, Stage

__all__ = ["MetricsServer", "PrometheusMeter", "exposition", "process_registry", "watch_memory"]

STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds: from encoding a small picture to fetching a long film."""

SLICE_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 900.0, 1800.0)
"""Seconds, up to the time limit that is set unless somebody sets another."""

BATCH_BUCKETS = (1, 2, 4, 8, 16, 32)
"""Pictures."""

_OPENMETRICS = "application/openmetrics-text"


def process_registry(version: str, role: str) -> CollectorRegistry:
    """A registry with what every process tells: memory, processor time, files, Python, and what it is.

    Args:
        version: of the program.
        role: ``api`` or ``worker``.
    """
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Gauge(
        "framecloak_build_info", "Version and role; always 1.", ("version", "role"), registry=registry
    )
    build.labels(version, role).set(1)
    return registry


def exposition(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """All numbers now.

    Args:
        registry: what to tell.
        accept: the header of whoever asks; OpenMetrics is for those who name it.

    Returns:
        The text, and its content type.
    """
    # What came is not handed on: the library would repeat parts of it in the content type.
    encode, content_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in accept else "")
    return encode(registry), content_type


class PrometheusMeter:
    """Counts the work of a worker; see `framecloak.domain.ports.metrics.Meter`.

    Args:
        registry: where the numbers are told.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        stages = Histogram(
            "framecloak_stage_seconds",
            "Seconds of work by stage; threads that work side by side are counted each.",
            ("stage",),
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        # Looked up once: this is called several times a frame.
        self._stages = {stage: stages.labels(stage.value) for stage in Stage}
        self._batches = Histogram(
            "framecloak_model_batch_size",
            "Pictures that the detector was given at once.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self._frames = Counter("framecloak_frames", "Frames delivered.", registry=registry)
        self._blanked = Counter(
            "framecloak_frames_blanked",
            "Frames delivered black because they could not be examined.",
            registry=registry,
        )
        self._slices = Histogram(
            "framecloak_slice_seconds",
            "Seconds spent on a slice, by what it was and how that ended.",
            ("kind", "outcome"),
            buckets=SLICE_BUCKETS,
            registry=registry,
        )
        self._recovered = Counter(
            "framecloak_slices_recovered",
            "Slices taken over from workers that fell silent.",
            registry=registry,
        )
        self._failures = Counter(
            "framecloak_slice_failures",
            "Slices that were not done, by the code of the error.",
            ("code",),
            registry=registry,
        )
        self._retries = Counter(
            "framecloak_retries", "Things that were done once more.", ("what",), registry=registry
        )
        self._removed = Counter(
            "framecloak_cleanup_removed",
            "Things that clean-ups removed because they had had their time.",
            ("what",),
            registry=registry,
        )
        self._not_removed = Counter(
            "framecloak_cleanup_failures",
            "Things that clean-ups should have removed and could not.",
            ("what",),
            registry=registry,
        )
        # Told from the beginning: what first appears as 1 is no increase to Prometheus.
        self.cleaned_up(CleanupReport().counts(), {concern.value: 0 for concern in Concern})

    def stage(self, stage: Stage, seconds: float) -> None:
        """See the port."""
        self._stages[stage].observe(seconds)

    def model_batch(self, size: int) -> None:
        """See the port."""
        self._batches.observe(size)

    def frames(self, count: int, blanked: int) -> None:
        """See the port."""
        self._frames.inc(count)
        self._blanked.inc(blanked)

    def slice_recovered(self) -> None:
        """See the port."""
        self._recovered.inc()

    def slice_ended(self, kind: str, outcome: Outcome, seconds: float) -> None:
        """See the port."""
        self._slices.labels(kind, outcome.value).observe(seconds)

    def slice_failed(self, code: str) -> None:
        """See the port."""
        self._failures.labels(code).inc()

    def retried(self, what: str) -> None:
        """See the port."""
        self._retries.labels(what).inc()

    def cleaned_up(self, removed: Mapping[str, int], failed: Mapping[str, int]) -> None:
        """See the port."""
        for what, count in removed.items():
            self._removed.labels(what).inc(count)
        for what, count in failed.items():
            self._not_removed.labels(what).inc(count)


def watch_memory(registry: CollectorRegistry, limit: int, has_room: Callable[[], bool]) -> None:
    """Tell how much memory a worker may take, and whether it takes work.

    Args:
        registry: where to tell it.
        limit: bytes.
        has_room: whether there is room for another slice; asked whenever the numbers are.
    """
    allowed = Gauge(
        "framecloak_worker_memory_limit_bytes",
        "Memory at which the worker takes no more work.",
        registry=registry,
    )
    allowed.set(limit)
    room = Gauge(
        "framecloak_worker_has_room",
        "1 while the worker takes work, 0 while memory is short.",
        registry=registry,
    )
    room.set_function(lambda: float(has_room()))


class MetricsServer:
    """Tells the numbers over HTTP, from a thread of its own, while the block lasts.

    Args:
        registry: what to tell.
        host: name or address to listen on.
        port: likewise; 0 for any free one.

    Raises:
        InvalidSettingError: on entering, the port cannot be had.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._registry = registry
        self._host = host
        self._port = port
        self._running: tuple[WSGIServer, threading.Thread] | None = None

    def __enter__(self) -> int:
        """Begin; gives the port."""
        try:
            self._running = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise InvalidSettingError(
                f"cannot listen on port {self._port} of {self._host} for metrics ({error.strerror})",
                "set WORKER_METRICS_PORT to another",
            ) from error
        return self._running[0].server_port

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        if self._running is not None:
            server, thread = self._running
            server.shutdown()
            server.server_close()
            thread.join()
