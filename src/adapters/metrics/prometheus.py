"""Prometheus metrics of one process.

Names begin with ``framecloak_``, except the standard process metrics of the Prometheus client library. No
label holds a value that users choose or whose number grows with the number of users.
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

from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport, CleanupStep
from framecloak.domain.errors import InvalidSettingError
from framecloak.domain.ports.metrics import SliceOutcome, Stage
from framecloak.domain.storage.alarm import StoredKind

__all__ = ["MetricsServer", "PrometheusMeter", "exposition", "process_registry", "register_memory_gauges"]

STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Histogram buckets in seconds, from encoding a small image to fetching a long video."""

SLICE_BUCKETS = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 900.0, 1800.0)
"""Histogram buckets in seconds, up to the default time limit of a slice."""

BATCH_BUCKETS = (1, 2, 4, 8, 16, 32)
"""Histogram buckets in images."""

_OPENMETRICS = "application/openmetrics-text"


def process_registry(version: str, role: str) -> CollectorRegistry:
    """Return a registry with the metrics of every process: memory, CPU time, open files, Python and build.

    Args:
        version: version of the program.
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
    """Return all metrics of a registry as text.

    Args:
        registry: source of the metrics.
        accept: ``Accept`` header of the client; OpenMetrics is used only when it is listed there.

    Returns:
        The text, and its content type.
    """
    # The client's header is not passed on: the library would copy parts of it into the content type.
    encode, content_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in accept else "")
    return encode(registry), content_type


def damage_counter(registry: CollectorRegistry) -> Callable[[str], None]:
    """Add the counter of damaged files to a registry, and return what counts one by its kind."""
    damaged = Counter(
        "framecloak_stored_files_damaged",
        "Stored files found to differ from what was stored.",
        ("kind",),
        registry=registry,
    )
    for kind in StoredKind:
        damaged.labels(kind.value)
    return lambda kind: damaged.labels(kind).inc()


class PrometheusMeter:
    """Prometheus metrics of a worker; see `domain.ports.metrics.Meter`.

    Args:
        registry: registry that the metrics are added to.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        stages = Histogram(
            "framecloak_stage_seconds",
            "Seconds of work by stage, summed over parallel threads.",
            ("stage",),
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        # The labels are resolved once, because a stage is observed several times per frame.
        self._stages = {stage: stages.labels(stage.value) for stage in Stage}
        self._batches = Histogram(
            "framecloak_model_batch_size",
            "Images in one call of the detector.",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self._frames = Counter("framecloak_frames", "Frames delivered.", registry=registry)
        self._blanked = Counter(
            "framecloak_frames_blanked",
            "Frames delivered black because they could not be analysed.",
            registry=registry,
        )
        self._slices = Histogram(
            "framecloak_slice_seconds",
            "Seconds spent on a slice, by kind and outcome.",
            ("kind", "outcome"),
            buckets=SLICE_BUCKETS,
            registry=registry,
        )
        self._recovered = Counter(
            "framecloak_slices_recovered",
            "Slices taken over from workers that stopped responding.",
            registry=registry,
        )
        self._failures = Counter(
            "framecloak_slice_failures",
            "Failed slices, by error code.",
            ("code",),
            registry=registry,
        )
        self._retries = Counter("framecloak_retries", "Retried operations.", ("what",), registry=registry)
        self._removed = Counter(
            "framecloak_cleanup_removed",
            "Expired items removed by clean-ups.",
            ("what",),
            registry=registry,
        )
        self._not_removed = Counter(
            "framecloak_cleanup_failures",
            "Expired items that clean-ups could not remove.",
            ("what",),
            registry=registry,
        )
        self.file_damaged = damage_counter(registry)
        # Exported as 0 from the start: Prometheus sees no increase in a counter that first appears as 1.
        self.cleaned_up(CleanupReport().counts(), {step.value: 0 for step in CleanupStep})

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

    def slice_ended(self, kind: str, outcome: SliceOutcome, seconds: float) -> None:
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


def register_memory_gauges(
    registry: CollectorRegistry, limit_bytes: int, has_room: Callable[[], bool]
) -> None:
    """Add gauges of a worker's memory limit and of its readiness for more work.

    Args:
        registry: registry that the gauges are added to.
        limit_bytes: memory limit in bytes.
        has_room: returns whether memory allows another slice; called for every scrape.
    """
    allowed = Gauge(
        "framecloak_worker_memory_limit_bytes",
        "Memory use in bytes above which the worker accepts no more work.",
        registry=registry,
    )
    allowed.set(limit_bytes)
    room = Gauge(
        "framecloak_worker_has_room",
        "1 while the worker accepts work, 0 while memory is short.",
        registry=registry,
    )
    room.set_function(lambda: float(has_room()))


class MetricsServer:
    """Context manager that serves metrics over HTTP from a thread of its own.

    Args:
        registry: source of the metrics.
        host: host name or address to listen on.
        port: TCP port to listen on; 0 for any free port.

    Raises:
        InvalidSettingError: the port is not available; raised on entering.
    """

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        self._registry = registry
        self._host = host
        self._port = port
        self._running: tuple[WSGIServer, threading.Thread] | None = None

    def __enter__(self) -> int:
        """Start the server and return its port."""
        try:
            self._running = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise InvalidSettingError(
                f"cannot listen on port {self._port} of {self._host} for metrics ({error.strerror})",
                "set WORKER_METRICS_PORT to another",
            ) from error
        return self._running[0].server_port

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        if self._running is not None:
            server, thread = self._running
            server.shutdown()
            server.server_close()
            thread.join()
