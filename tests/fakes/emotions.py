"""An emotion reader for tests."""

from __future__ import annotations

import numpy as np

import tiny_clip
from framecloak.domain.detection import FloatArray, Image
from framecloak.domain.errors import EmotionsUnavailableError


class FakeEmotionReader:
    """Reads the faces that ``tiny_clip`` paints.

    Args:
        unavailable: refuse to answer.
    """

    emotions = tiny_clip.EMOTIONS

    def __init__(self, *, unavailable: bool = False) -> None:
        self.unavailable = unavailable
        self.calls: list[int] = []

    async def read(self, crops: list[Image]) -> FloatArray:
        if any(crop.ndim != 3 or crop.shape[2] != 3 or not crop.size for crop in crops):
            raise ValueError("a crop is no picture")
        if self.unavailable:
            raise EmotionsUnavailableError("nobody is there")
        self.calls.append(len(crops))
        return tiny_clip.expected(crops) if crops else np.empty((0, len(self.emotions)), np.float32)

    async def available(self) -> bool:
        return not self.unavailable
