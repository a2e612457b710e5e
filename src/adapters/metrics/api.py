"""Prometheus metrics of an API process: its HTTP requests and the state of the installation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framecloak.adapters.metrics.models import model_meters
from framecloak.adapters.metrics.prometheus import damage_counter, exposition, process_registry
from framecloak.domain.operations.service_metrics import MetricsSnapshot

LATENCY_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Histogram buckets in seconds, up to the slowest useful answer."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

OTHER_LABEL = "other"
"""Label for methods and routes that do not exist, so that clients cannot add label values."""


class ApiMetrics:
    """HTTP request metrics of this process, and the last reading of the installation's metrics.

    Args:
        version: version of the program.

    Attributes:
        models: meters of the models in this process.
    """

    def __init__(self, version: str) -> None:
        self._registry = registry = process_registry(version, "api")
        self.models = model_meters(registry)
        self._service_metrics = _ServiceMetricsCollector()
        registry.register(self._service_metrics)
        self._requests = Counter(
            "framecloak_http_requests",
            "HTTP requests answered.",
            ("operation", "method", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "framecloak_http_request_seconds",
            "Seconds until the response began.",
            ("operation",),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._open = Gauge(
            "framecloak_http_requests_in_progress",
            "HTTP requests in progress, event streams included.",
            registry=registry,
        )
        self._errors = Counter(
            "framecloak_http_errors", "Error responses, by error code.", ("code",), registry=registry
        )
        self.file_damaged = damage_counter(registry)
        self._failed_lookups = Counter(
            "framecloak_lookup_errors",
            "Values that could not be read for a scrape.",
            ("lookup",),
            registry=registry,
        )

    def request_started(self) -> None:
        """Count a request that was received."""
        self._open.inc()

    def request_ended(self) -> None:
        """Count a request whose response is complete or whose client disconnected."""
        self._open.dec()

    def response_started(
        self, operation: str | None, method: str, status: int, seconds: float, code: str | None
    ) -> None:
        """Count a response that has begun.

        Args:
            operation: name of the requested operation; None for an unknown route.
            method: HTTP method of the request.
            status: HTTP status of the response.
            seconds: time since the request was received.
            code: error code of the response; None for a successful one.
        """
        name = operation or OTHER_LABEL
        self._requests.labels(name, method if method in METHODS else OTHER_LABEL, f"{status // 100}xx").inc()
        self._seconds.labels(name).observe(seconds)
        if code is not None:
            self._errors.labels(code).inc()

    def update(self, reading: MetricsSnapshot) -> None:
        """Export this reading from now on, and count the values that are missing from it."""
        self._service_metrics.reading = reading
        for name in reading.failed:
            self._failed_lookups.labels(name).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics as text, and the content type; see `adapters.metrics.prometheus.exposition`.

        Args:
            accept: ``Accept`` header of the client.
        """
        return exposition(self._registry, accept)


class _ServiceMetricsCollector(Collector):
    """Collector of the last reading; a missing value is omitted, instead of exported as stale or 0."""

    def __init__(self) -> None:
        self.reading: MetricsSnapshot | None = None

    def describe(self) -> Iterable[Metric]:
        """Return nothing, because the set of metrics varies."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last reading."""
        reading = self.reading
        if reading is None:
            return
        if reading.requests is not None:
            requests = GaugeMetricFamily("framecloak_requests", "Requests by status.", labels=("status",))
            for status, count in reading.requests.items():
                requests.add_metric((status.value,), count)
            yield requests
        checks = GaugeMetricFamily(
            "framecloak_check_up", "1 for each healthy component, else 0.", labels=("check",)
        )
        for name, is_healthy in reading.checks.items():
            checks.add_metric((name,), float(is_healthy))
        yield checks
        for name, description, value in (
            ("framecloak_frames_waiting", "Frames of unfinished requests.", reading.frames_waiting),
            (
                "framecloak_oldest_waiting_seconds",
                "Seconds since the oldest request that no worker has started was submitted.",
                reading.oldest_waiting_seconds,
            ),
            ("framecloak_queue_tickets", "Wake-up jobs waiting for a worker.", reading.wakeups),
            ("framecloak_workers", "Workers with a recent heartbeat.", reading.workers),
            ("framecloak_storage_bytes", "Bytes used by videos and results.", reading.storage_bytes),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, description, value=value)
