"""Composition root of re-identification, for the API and the command line."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from framecloak.adapters.media.opencv import disable_opencv_threads
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.adapters.vision.detection.factory import choose_detector
from framecloak.adapters.vision.recognition.factory import choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, ModelKind, ModelMeter
from framecloak.domain.ports.models import EmotionReader
from framecloak.domain.reid.analysis import Capacity, FaceAnalyzer
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.composition.emotions import choose_emotion_reader
from framecloak.entrypoints.composition.pipeline import SWITCH_INTERVAL_SECONDS
from framecloak.entrypoints.settings import Settings

_EMOTION_TIMEOUT_MARGIN_SECONDS = 2.0
"""Seconds by which the timeout of an analysis exceeds that of the CLIP service's client.

The client's circuit breaker opens after several of its own timeouts. If the analysis cancelled the client
first, the breaker would not count the failure.
"""


@asynccontextmanager
async def build_faces(
    settings: Settings, meters: Mapping[ModelKind, ModelMeter] = NULL_MODEL_METERS
) -> AsyncIterator[LazyFaceAnalyzer]:
    """Yield face analysis and close it at the end of the block; the models are loaded on first use.

    Args:
        settings: names of the models.
        meters: metrics of the calls, by model.

    Raises:
        ModelCorruptError: the files of the exported CLIP model are damaged.
        ProviderUnavailableError: the CLIP model cannot run on the configured provider.
    """
    async with choose_emotion_reader(settings, meters[ModelKind.EMOTIONS]) as emotions:
        faces = LazyFaceAnalyzer(lambda: load_analysis(settings, emotions, meters), emotions)
        try:
            yield faces
        finally:
            faces.close()


def load_analysis(
    settings: Settings,
    emotions: EmotionReader | None = None,
    meters: Mapping[ModelKind, ModelMeter] = NULL_MODEL_METERS,
) -> FaceAnalyzer:
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
    disable_opencv_threads()
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    provider = Provider(settings.provider)
    return FaceAnalyzer(
        UntrustedImageReader(),
        choose_detector(settings.detector, settings.models, provider, Precision(settings.precision)),
        choose_recognizer(settings.recognizer, settings.models, provider),
        emotions,
        analysis_capacity(settings),
        meters,
    )


def analysis_capacity(settings: Settings) -> Capacity:
    """Return the limits of face analysis: threads, queue length, batch delay and timeout."""
    capacity = Capacity(
        threads=settings.threads,
        max_waiting=settings.recognition_queue,
        max_batch_delay=settings.recognition_linger_ms / 1000,
    )
    if not settings.clip_service_url:
        return capacity
    return replace(
        capacity, emotion_seconds=settings.clip_service_timeout_seconds + _EMOTION_TIMEOUT_MARGIN_SECONDS
    )
