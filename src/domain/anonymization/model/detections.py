"""Detections of one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FrameDetections:
    """Detections of one kind in one frame.

    Attributes:
        boxes: (n, 4) pixels of the frame.
        scores: (n,) in 0..1.
        landmarks: (n, 5, 2) pixels of the frame, as in `Detections`; None for kinds without
            landmarks.
        plate_shaped: (n,) bool, True for text with the shape of a plate; None for other kinds.
        directions: (n,) degrees by which the frame was turned clockwise when a face was detected; None if
            all were detected upright.
        unconfirmed: (n,) bool, True for text too large to count unless other frames agree; None if there is
            none.
        interpolated: (n,) bool, True for faces that were not detected here, but before and after at almost
            the same place; None if all were detected.
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    landmarks: FloatArray | None = None
    plate_shaped: NDArray[np.bool_] | None = None
    directions: NDArray[np.intp] | None = None
    unconfirmed: NDArray[np.bool_] | None = None
    interpolated: NDArray[np.bool_] | None = None

    @classmethod
    def empty(cls) -> Self:
        """Return an instance without detections."""
        return cls(np.empty((0, 4)), np.empty(0))
