"""An emotion reader for tests."""

from __future__ import annotations

import numpy as np

from framecloak.domain.errors import EmotionsUnavailableError
from framecloak.domain.imaging.detections import FloatArray, Image
from support.samples import clip_models


class FakeEmotionReader:
    """Classifies the colours that ``support.samples.clip_models`` paints.

    Args:
        unavailable: fail every call.
    """

    emotions = clip_models.EMOTIONS

    def __init__(self, *, unavailable: bool = False) -> None:
        self.unavailable = unavailable
        self.calls: list[int] = []

    async def read(self, crops: list[Image]) -> FloatArray:
        if any(crop.ndim != 3 or crop.shape[2] != 3 or not crop.size for crop in crops):
            raise ValueError("a crop is no picture")
        if self.unavailable:
            raise EmotionsUnavailableError("nobody is there")
        self.calls.append(len(crops))
        return clip_models.expected(crops) if crops else np.empty((0, len(self.emotions)), np.float32)

    async def is_available(self) -> bool:
        return not self.unavailable
