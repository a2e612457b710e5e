"""The composition root of re-identification: the same use case for the API and the commands."""

from __future__ import annotations

import asyncio
import sys

from adapters.media.opencv import use_one_thread_per_call
from adapters.media.picture_intake import StrangersPictures
from adapters.vision.arcface import choose_recognizer, recognizer_is_installed
from adapters.vision.insightface import choose_detector, detector_is_installed
from adapters.vision.onnx import Precision, Provider
from domain.ports.recognition import EmotionReader
from domain.reid.analysis import Capacity, FaceAnalysis
from entrypoints.bootstrap import SWITCH_INTERVAL
from entrypoints.settings import Settings


class Recognition:
    """Face analysis, made when it is first asked for: models take time and memory that not everybody needs.

    Args:
        settings: say which models, and how much of the machine they may use.
        emotions: says what faces express; None where nobody can.
    """

    def __init__(self, settings: Settings, emotions: EmotionReader | None = None) -> None:
        self._settings = settings
        self._emotions = emotions
        self._analysis: FaceAnalysis | None = None
        self._loading = asyncio.Lock()

    async def analysis(self) -> FaceAnalysis:
        """The one analysis of this process; the first call loads the models, in a thread.

        Raises:
            ModelMissingError: a model is not installed.
            ModelCorruptError: its file is damaged.
            ProviderUnavailableError: it cannot run where it was asked to.
            InvalidOptionError: it has no such precision.
        """
        async with self._loading:
            if self._analysis is None:
                self._analysis = await asyncio.to_thread(load_analysis, self._settings, self._emotions)
            return self._analysis

    def installed(self) -> bool:
        """Whether there are files for the models that the settings name; they are not loaded, only found."""
        settings = self._settings
        return detector_is_installed(settings.detector, settings.models) and recognizer_is_installed(
            settings.recognizer, settings.models
        )

    def close(self) -> None:
        """Stop the threads, after what they are at."""
        if self._analysis is not None:
            self._analysis.close()


def load_analysis(settings: Settings, emotions: EmotionReader | None = None) -> FaceAnalysis:
    """Load the models that the settings name.

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
        Capacity(
            threads=settings.threads,
            max_waiting=settings.recognition_queue,
            linger=settings.recognition_linger_ms / 1000,
        ),
    )
