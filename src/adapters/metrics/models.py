"""What is asked of the models that analyses of faces share."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram

from framecloak.adapters.metrics.prometheus import BATCH_BUCKETS
from framecloak.domain.ports.metrics import Model, ModelMeter

CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: from a small batch on a GPU to many large pictures on one core."""


class PrometheusModelMeter:
    """See `framecloak.domain.ports.metrics.ModelMeter`.

    Args:
        sizes: pictures or faces of a call.
        seconds: that it took.
        queue: pictures or faces that wait.
    """

    def __init__(self, sizes: Histogram, seconds: Histogram, queue: Gauge) -> None:
        self._sizes = sizes
        self._seconds = seconds
        self._queue = queue

    def waiting(self, items: int) -> None:
        """See the port."""
        self._queue.set(items)

    def called(self, items: int, seconds: float) -> None:
        """See the port."""
        self._sizes.observe(items)
        self._seconds.observe(seconds)


def model_meters(registry: CollectorRegistry) -> Mapping[Model, ModelMeter]:
    """A meter for each model.

    Args:
        registry: where the numbers are told.
    """
    sizes = Histogram(
        "framecloak_analysis_batch_size",
        "Pictures (detector) or faces that a model was given at once.",
        ("model",),
        buckets=BATCH_BUCKETS,
        registry=registry,
    )
    seconds = Histogram(
        "framecloak_analysis_call_seconds",
        "Seconds of a call; of the detector with decoding, of a CLIP service with the way there and back.",
        ("model",),
        buckets=CALL_BUCKETS,
        registry=registry,
    )
    waiting = Gauge(
        "framecloak_analysis_waiting",
        "Pictures (detector) or faces that wait for a model.",
        ("model",),
        registry=registry,
    )
    return {
        model: PrometheusModelMeter(sizes.labels(model), seconds.labels(model), waiting.labels(model))
        for model in Model
    }
