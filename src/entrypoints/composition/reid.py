"""Composition root of re-identification, for the API and the command line."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from framecloak.adapters.media.opencv import use_one_thread_per_call
from framecloak.adapters.media.pictures.untrusted import StrangersPictures
from framecloak.adapters.vision.detection.factory import choose_detector
from framecloak.adapters.vision.recognition.factory import choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, Model, ModelMeter
from framecloak.domain.ports.models import EmotionReader
from framecloak.domain.reid.analysis import Capacity, FaceAnalysis
from framecloak.domain.reid.lazy_analysis import Faces
from framecloak.entrypoints.composition.emotions import choose_emotion_reader
from framecloak.entrypoints.composition.pipeline import SWITCH_INTERVAL
from framecloak.entrypoints.settings import Settings

_LONGER = 2.0
"""Seconds by which the timeout of an analysis exceeds that of the CLIP service's client.

The client's circuit breaker opens after several of its own timeouts. If the analysis cancelled the client
first, the breaker would not count the failure.
"""


@asynccontextmanager
async def build_faces(
    settings: Settings, meters: Mapping[Model, ModelMeter] = NULL_MODEL_METERS
) -> AsyncIterator[Faces]:
    """Yield face analysis and close it at the end of the block; the models are loaded on first use.

    Args:
        settings: names of the models.
        meters: metrics of the calls, by model.

    Raises:
        ModelCorruptError: the files of the exported CLIP model are damaged.
        ProviderUnavailableError: the CLIP model cannot run on the configured provider.
    """
    async with choose_emotion_reader(settings, meters[Model.EMOTIONS]) as emotions:
        faces = Faces(lambda: load_analysis(settings, emotions, meters), emotions)
        try:
            yield faces
        finally:
            faces.close()


def load_analysis(
    settings: Settings,
    emotions: EmotionReader | None = None,
    meters: Mapping[Model, ModelMeter] = NULL_MODEL_METERS,
) -> FaceAnalysis:
    """Load the configured models of face analysis.

    Args:
        settings: names of the models, provider and precision.
        emotions: emotion reader; None if none is available.
        meters: metrics of the calls, by model.

    Raises:
        ModelMissingError: a model is not installed.
        ModelCorruptError: the file of a model is damaged.
        ProviderUnavailableError: a model cannot run on the configured provider.
        InvalidOptionError: the detector is not available with this precision.
    """
    use_one_thread_per_call()
    sys.setswitchinterval(SWITCH_INTERVAL)
    provider = Provider(settings.provider)
    return FaceAnalysis(
        StrangersPictures(),
        choose_detector(settings.detector, settings.models, provider, Precision(settings.precision)),
        choose_recognizer(settings.recognizer, settings.models, provider),
        emotions,
        capacity_of(settings),
        meters,
    )


def capacity_of(settings: Settings) -> Capacity:
    """Return the limits of face analysis: threads, queue length, batch delay and timeout."""
    capacity = Capacity(
        threads=settings.threads,
        max_waiting=settings.recognition_queue,
        linger=settings.recognition_linger_ms / 1000,
    )
    if not settings.clip_service_url:
        return capacity
    return replace(capacity, emotion_seconds=settings.clip_service_timeout_seconds + _LONGER)
