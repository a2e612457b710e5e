"""Faces of one installation: the models are loaded once, when somebody first needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports.recognition import EmotionReader
from framecloak.domain.reid.analysis import FaceAnalysis


@dataclass(frozen=True, slots=True)
class RecognitionHealth:
    """What faces are analysed with.

    Attributes:
        detector: what finds faces; None until somebody needed it.
        recognizer: what tells them apart; likewise.
        emotions: whether somebody says what they express.
    """

    detector: ModelCard | None
    recognizer: ModelCard | None
    emotions: bool


class Faces:
    """Hands out one `FaceAnalysis`, whatever the concurrency.

    Args:
        load: loads the models; takes seconds, and runs in a thread.
        emotions: says what faces express, for the analysis, too; None where nobody can.
    """

    def __init__(self, load: Callable[[], FaceAnalysis], emotions: EmotionReader | None = None) -> None:
        self._load = load
        self._emotions = emotions
        self._loaded: FaceAnalysis | None = None
        self._loading = asyncio.Lock()

    async def analysis(self) -> FaceAnalysis:
        """The one.

        Raises:
            ModelMissingError: a model is not installed.
            ModelCorruptError: its file is damaged.
            ProviderUnavailableError: it cannot run where it was asked to.
            InvalidOptionError: there is no such model, or it has no such precision.
        """
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    async def health(self) -> RecognitionHealth:
        """What there is; loads nothing and never raises."""
        loaded = self._loaded
        return RecognitionHealth(
            detector=None if loaded is None else loaded.detector.card,
            recognizer=None if loaded is None else loaded.recognizer.card,
            emotions=self._emotions is not None and await self._emotions.available(),
        )

    def close(self) -> None:
        """Let the models go, after what they are at."""
        if self._loaded is not None:
            self._loaded.close()
