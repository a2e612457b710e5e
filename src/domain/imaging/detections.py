"""What a detector finds in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
Image: TypeAlias = NDArray[np.uint8]


class Kind(StrEnum):
    """What it is that was found and redacted."""

    FACE = "face"
    TEXT = "text"
    PLATE = "plate"
    """A licence plate, found by a detector of plates or told by the shape of the text on it."""


class Basis(StrEnum):
    """Why something counts as a licence plate."""

    SHAPE = "shape"
    """The text on it has the shape of what is written on one."""
    DETECTOR = "detector"
    """A detector of plates has found it."""


@dataclass(frozen=True, slots=True, eq=False)
class Areas:
    """Things found in one picture that have a place and nothing else.

    Attributes:
        boxes: (n, 4) float32, ``x1, y1, x2, y2`` in pixels of the examined picture; may reach outside it.
        scores: (n,) float32 in 0..1.
    """

    boxes: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4):
            raise ValueError(
                f"boxes and scores do not belong together: {self.boxes.shape}, {self.scores.shape}"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Self:
        """Nothing at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces found in one picture, best first.

    Attributes:
        boxes: (n, 4) float32, ``x1, y1, x2, y2`` in pixels of the examined picture; may reach outside it.
        scores: (n,) float32 in 0..1.
        landmarks: (n, 5, 2) float32 pixels: left eye, right eye, nose, left and right corner of the mouth
            as seen in the picture.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.landmarks.shape != (n, 5, 2):
            shapes = f"{self.boxes.shape}, {self.scores.shape}, {self.landmarks.shape}"
            raise ValueError(f"boxes, scores and landmarks do not belong together: {shapes}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Self:
        """No faces at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32))

    def select(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
        """The detections that an index array or a mask names, in its order."""
        return Detections(self.boxes[which], self.scores[which], self.landmarks[which])

    def scaled(self, x: float, y: float) -> Detections:
        """The same detections in a picture stretched ``x``-fold in width and ``y``-fold in height."""
        factors = np.array([x, y], np.float32)
        return Detections(self.boxes * np.tile(factors, 2), self.scores, self.landmarks * factors)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Which weights made a decision; what a manifest records.

    Attributes:
        name: how people call it, as ``centerface`` or ``buffalo_l/det_10g``.
        sha256: hex digest of the very file that was loaded.
        licence: short name of the licence of the weights.
        provider: the execution provider it runs on, as ``CPU`` or ``CUDA``.
        precision: ``fp32``, ``fp16`` or ``int8``.
    """

    name: str
    sha256: str
    licence: str
    provider: str
    precision: str
