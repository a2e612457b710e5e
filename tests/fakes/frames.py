"""What fakes of frames have in common."""

from __future__ import annotations

import numpy as np

from framecloak.domain.imaging.detections import Image


class CutFromWhole:
    """Cuts parts of a frame out of the whole."""

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        whole = self.rgb(self.width, self.height)  # type: ignore[attr-defined]
        return np.ascontiguousarray(whole[top : top + height, left : left + width])
