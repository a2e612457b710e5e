"""Regions carried over from frames of one size to frames of the same shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from framecloak.domain.model.segments import Region

ASPECT_TOLERANCE = 0.01
"""Largest difference between two ratios of width to height of one shape, as a share."""


@dataclass(frozen=True, slots=True)
class FrameScale:
    """Scale from the pixels of frames of one size to those of another.

    Attributes:
        x, y: factors of the two axes.
        size: width and height in pixels of the frames to which regions are scaled.
    """

    x: float
    y: float
    size: tuple[int, int]

    @classmethod
    def between(cls, source: tuple[int, int], target: tuple[int, int]) -> Self | None:
        """Return the scale from one size in pixels to another; None if the frames have different shapes."""
        x, y = target[0] / source[0], target[1] / source[1]
        return cls(x, y, target) if abs(x / y - 1) <= ASPECT_TOLERANCE else None

    def grown(self, region: Region) -> Region:
        """Return a region, without its frames, that covers at least what the given one covers."""
        x1, y1, x2, y2 = region.xyxy
        left, top = math.floor(x1 * self.x), math.floor(y1 * self.y)
        right, bottom = math.ceil(x2 * self.x), math.ceil(y2 * self.y)
        return Region(left, top, min(right, self.size[0]) - left, min(bottom, self.size[1]) - top)

    def shrunk(self, region: Region) -> Region | None:
        """Return a region, without its frames, that covers no more than the given one; None if nothing."""
        x1, y1, x2, y2 = region.xyxy
        left, top = math.ceil(x1 * self.x), math.ceil(y1 * self.y)
        right, bottom = math.floor(x2 * self.x), math.floor(y2 * self.y)
        return Region(left, top, right - left, bottom - top) if left < right and top < bottom else None
