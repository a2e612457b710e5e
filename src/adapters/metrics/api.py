"""The numbers of an API process: what it is asked for, and how the installation is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framecloak.adapters.metrics.models import model_meters
from framecloak.adapters.metrics.prometheus import exposition, process_registry
from framecloak.domain.operations.service_metrics import Reading

LATENCY_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

OTHER = "other"
"""In place of what clients make up: a method that is none, an address that is none of ours."""


class ApiMetrics:
    """Counts HTTP requests, and tells what was last read of the installation.

    Args:
        version: of the program.

    Attributes:
        models: count what is asked of the models of this process.
    """

    def __init__(self, version: str) -> None:
        self._registry = registry = process_registry(version, "api")
        self.models = model_meters(registry)
        self._vitals = _VitalsCollector()
        registry.register(self._vitals)
        self._requests = Counter(
            "framecloak_http_requests",
            "HTTP requests answered.",
            ("operation", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "framecloak_http_request_seconds",
            "Seconds until an answer began.",
            ("operation",),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._open = Gauge(
            "framecloak_http_requests_in_progress",
            "HTTP requests being answered, event streams among them.",
            registry=registry,
        )
        self._errors = Counter(
            "framecloak_http_errors", "Errors answered, by code.", ("code",), registry=registry
        )
        self._failed_lookups = Counter(
            "framecloak_lookup_errors",
            "Numbers that could not be looked up for a scrape.",
            ("lookup",),
            registry=registry,
        )

    def begun(self) -> None:
        """A request came in."""
        self._open.inc()

    def ended(self) -> None:
        """An answer came to its end, or its client went away."""
        self._open.dec()

    def answered(
        self, operation: str | None, method: str, status: int, seconds: float, code: str | None
    ) -> None:
        """An answer has begun.

        Args:
            operation: name of the operation that was asked for; None for what is none.
            method: of the request.
            status: of the answer.
            seconds: since the request came in.
            code: of the error that was answered with; None when it was none.
        """
        name = operation or OTHER
        self._requests.labels(name, method if method in METHODS else OTHER, f"{status // 100}xx").inc()
        self._seconds.labels(name).observe(seconds)
        if code is not None:
            self._errors.labels(code).inc()

    def update(self, reading: Reading) -> None:
        """Tell these numbers of the installation from now on, and count those that are missing."""
        self._vitals.reading = reading
        for name in reading.failed:
            self._failed_lookups.labels(name).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All numbers now, and their content type; see `prometheus.exposition`."""
        return exposition(self._registry, accept)


class _VitalsCollector(Collector):
    """Tells what is known; what is not has no value, rather than an old one or 0."""

    def __init__(self) -> None:
        self.reading: Reading | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is to tell changes."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The numbers of the last reading."""
        reading = self.reading
        if reading is None:
            return
        if reading.requests is not None:
            requests = GaugeMetricFamily("framecloak_requests", "Requests by status.", labels=("status",))
            for status, count in reading.requests.items():
                requests.add_metric((status.value,), count)
            yield requests
        checks = GaugeMetricFamily(
            "framecloak_check_up", "1 for each part that is well, else 0.", labels=("check",)
        )
        for name, is_well in reading.checks.items():
            checks.add_metric((name,), float(is_well))
        yield checks
        for name, text, value in (
            ("framecloak_frames_waiting", "Frames of unfinished requests.", reading.frames_waiting),
            (
                "framecloak_oldest_waiting_seconds",
                "Seconds since the oldest request that nobody has begun was submitted.",
                reading.oldest_waiting_seconds,
            ),
            ("framecloak_queue_tickets", "Tickets that wait for a worker.", reading.tickets),
            ("framecloak_workers", "Workers that gave a sign of life.", reading.workers),
            ("framecloak_storage_bytes", "Bytes of videos and results.", reading.storage_bytes),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)
