"""Base classes of fake frames."""

from __future__ import annotations

import numpy as np

from framecloak.domain.imaging.detections import Image


class CutFromWhole:
    """Cuts parts of a frame out of the whole."""

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        whole = self.rgb(self.width, self.height)  # type: ignore[attr-defined]
        return np.ascontiguousarray(whole[top : top + height, left : left + width])


class FrameOfPixels(CutFromWhole):
    """A frame whose pixels are in memory, as the array ``image``."""

    image: Image

    @property
    def width(self) -> int:
        return self.image.shape[1]

    @property
    def height(self) -> int:
        return self.image.shape[0]

    @property
    def display_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def nbytes(self) -> int:
        return self.image.nbytes
