"""Faces of one installation: the models are loaded once, when somebody first needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from domain.detection import ModelCard
from domain.errors import DomainError
from domain.reid.analysis import FaceAnalysis
from domain.reid.faces import Analysis


@dataclass(frozen=True, slots=True)
class RecognitionHealth:
    """Whether faces can be analysed, and with what.

    Attributes:
        detector: what finds faces; None where it cannot be loaded.
        recognizer: what tells them apart; likewise.
        emotions: whether somebody says what they express.
        trouble: code of the error because of which there are no models.
    """

    detector: ModelCard | None
    recognizer: ModelCard | None
    emotions: bool
    trouble: str | None = None


class Faces:
    """Hands out one `FaceAnalysis`, whatever the concurrency.

    Args:
        load: loads the models; takes seconds, and runs in a thread.
    """

    def __init__(self, load: Callable[[], FaceAnalysis]) -> None:
        self._load = load
        self._loaded: FaceAnalysis | None = None
        self._loading = asyncio.Lock()

    async def analysis(self) -> FaceAnalysis:
        """The one.

        Raises:
            ModelMissingError: a model is not installed.
            ModelCorruptError: its file is damaged.
            ProviderUnavailableError: it cannot run where it was asked to.
            InvalidOptionError: there is no such model.
        """
        async with self._loading:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    async def analyze(self, picture: bytes) -> Analysis:
        """The largest face of a picture; see `FaceAnalysis.analyze`, whose errors these are, and `analysis`."""
        return await (await self.analysis()).analyze(picture)

    async def health(self) -> RecognitionHealth:
        """Whether it works; never raises, and loads nothing that takes long twice."""
        try:
            analysis = await self.analysis()
        except DomainError as error:
            return RecognitionHealth(None, None, emotions=False, trouble=error.code)
        reader = analysis.emotions
        return RecognitionHealth(
            detector=analysis.detector.card,
            recognizer=analysis.recognizer.card,
            emotions=reader is not None and await reader.available(),
        )

    def close(self) -> None:
        """Let the models go."""
        if self._loaded is not None:
            self._loaded.close()
