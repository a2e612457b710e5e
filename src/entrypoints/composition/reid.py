"""The composition root of re-identification: the same use case for the API and the commands."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from framecloak.adapters.media.opencv import use_one_thread_per_call
from framecloak.adapters.media.pictures.untrusted import StrangersPictures
from framecloak.adapters.vision.detection.scrfd import choose_detector
from framecloak.adapters.vision.recognition.arcface import choose_recognizer
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.ports.metrics import NULL_MODEL_METERS, Model, ModelMeter
from framecloak.domain.ports.recognition import EmotionReader
from framecloak.domain.reid.analysis import Capacity, FaceAnalysis
from framecloak.domain.reid.lazy_analysis import Faces
from framecloak.entrypoints.composition.emotions import choose_emotion_reader
from framecloak.entrypoints.composition.pipeline import SWITCH_INTERVAL
from framecloak.entrypoints.settings import Settings

_LONGER = 2.0
"""Seconds that an analysis waits longer than whoever asks the CLIP service.

The service is left alone for a while when its client has given it up several times. Nothing is learnt of the
service when the client itself is given up.
"""


@asynccontextmanager
async def build_faces(
    settings: Settings, meters: Mapping[Model, ModelMeter] = NULL_MODEL_METERS
) -> AsyncIterator[Faces]:
    """Face analysis for as long as the block lasts; its models are loaded when it is first asked for.

    Args:
        settings: say which.
        meters: told what is asked of each.

    Raises:
        ModelCorruptError: an exported CLIP is not what was written.
        ProviderUnavailableError: it cannot run where the settings say.
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
    """Load the models that the settings name.

    Args:
        settings: name them.
        emotions: says what faces express; None where nobody can.
        meters: told what is asked of the models.

    Raises:
        ModelMissingError: one is not installed.
        ModelCorruptError: its file is damaged.
        ProviderUnavailableError: it cannot run where it was asked to.
        InvalidOptionError: it has no such precision.
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
    """How much of the machine analyses may use, and how long they wait for others."""
    capacity = Capacity(
        threads=settings.threads,
        max_waiting=settings.recognition_queue,
        linger=settings.recognition_linger_ms / 1000,
    )
    if not settings.clip_service_url:
        return capacity
    return replace(capacity, emotion_seconds=settings.clip_service_timeout_seconds + _LONGER)
