"""Face analysis with lazy loading of the models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports.models import EmotionReader
from framecloak.domain.reid.analysis import FaceAnalyzer


@dataclass(frozen=True, slots=True)
class RecognitionHealth:
    """State of the face analysis.

    Attributes:
        detector: face detection model; None until it is loaded.
        recognizer: face recognition model; None until it is loaded.
        emotions: True if an emotion model is available.
    """

    detector: ModelCard | None
    recognizer: ModelCard | None
    emotions: bool


class LazyFaceAnalyzer:
    """Lazily loaded `FaceAnalyzer`, shared by all callers.

    Args:
        load: loads the models; takes seconds, and runs in a thread.
        emotions: emotion model, also used by the analysis; None if there is none.
    """

    def __init__(self, load: Callable[[], FaceAnalyzer], emotions: EmotionReader | None = None) -> None:
        self._load = load
        self._emotions = emotions
        self._loaded: FaceAnalyzer | None = None
        self._loading = asyncio.Lock()

    async def analyzer(self) -> FaceAnalyzer:
        """Return the analyser, loading the models on the first call.

        Raises:
            ModelMissingError: a model is not installed.
            ModelCorruptError: a model file is damaged.
            ProviderUnavailableError: the configured execution provider is not available.
            InvalidOptionError: there is no such model, or not in the configured precision.
        """
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    async def health(self) -> RecognitionHealth:
        """Return the state of the face analysis; loads nothing and never raises."""
        loaded = self._loaded
        return RecognitionHealth(
            detector=None if loaded is None else loaded.detector.card,
            recognizer=None if loaded is None else loaded.recognizer.card,
            emotions=self._emotions is not None and await self._emotions.is_available(),
        )

    def close(self) -> None:
        """Finish running calls and release the models."""
        if self._loaded is not None:
            self._loaded.close()
