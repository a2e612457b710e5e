"""Prometheus metrics of the models that face analyses share."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram

from framecloak.adapters.metrics.prometheus import BATCH_BUCKETS
from framecloak.domain.ports.metrics import ModelKind, ModelMeter

CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Histogram buckets in seconds, from a small batch on a GPU to many large images on one core."""


class PrometheusModelMeter:
    """Prometheus meter of one model; see `domain.ports.metrics.ModelMeter`.

    Args:
        sizes: images or faces per call.
        seconds: duration of a call in seconds.
        queue: number of images or faces waiting.
    """

    def __init__(self, sizes: Histogram, seconds: Histogram, queue: Gauge) -> None:
        self._sizes = sizes
        self._seconds = seconds
        self._queue = queue

    def set_waiting(self, items: int) -> None:
        """See the port."""
        self._queue.set(items)

    def record_call(self, items: int, seconds: float) -> None:
        """See the port."""
        self._sizes.observe(items)
        self._seconds.observe(seconds)


def model_meters(registry: CollectorRegistry) -> Mapping[ModelKind, ModelMeter]:
    """Return a meter for each model.

    Args:
        registry: registry that the metrics are added to.
    """
    sizes = Histogram(
        "framecloak_analysis_batch_size",
        "Images (detector) or faces in one call of a model.",
        ("model",),
        buckets=BATCH_BUCKETS,
        registry=registry,
    )
    seconds = Histogram(
        "framecloak_analysis_call_seconds",
        "Seconds of a call; including decoding for the detector and the round trip for a CLIP service.",
        ("model",),
        buckets=CALL_BUCKETS,
        registry=registry,
    )
    waiting = Gauge(
        "framecloak_analysis_waiting",
        "Images (detector) or faces waiting for a model.",
        ("model",),
        registry=registry,
    )
    return {
        model: PrometheusModelMeter(sizes.labels(model), seconds.labels(model), waiting.labels(model))
        for model in ModelKind
    }
