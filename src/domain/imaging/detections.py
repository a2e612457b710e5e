"""Results of detection models on one image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
Image: TypeAlias = NDArray[np.uint8]


class TargetKind(StrEnum):
    """Kinds of objects that are detected and redacted."""

    FACE = "face"
    TEXT = "text"
    PLATE = "plate"
    """A licence plate, found by a plate detector or recognised by the shape of the text on it."""


class Basis(StrEnum):
    """Evidence for a licence plate."""

    SHAPE = "shape"
    """The text on it is shaped like that of a plate."""
    DETECTOR = "detector"
    """A plate detector found it."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxDetections:
    """Boxes detected in one image, without landmarks.

    Attributes:
        boxes: (n, 4) float32, ``x1, y1, x2, y2`` in pixels of the analysed image; may reach outside it.
        scores: (n,) float32 in 0 to 1.
    """

    boxes: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        if self.boxes.shape != (len(self.scores), 4):
            raise ValueError(f"boxes and scores do not match: {self.boxes.shape}, {self.scores.shape}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Self:
        """Return an instance without boxes."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces detected in one image, best first.

    Attributes:
        boxes: (n, 4) float32, ``x1, y1, x2, y2`` in pixels of the analysed image; may reach outside it.
        scores: (n,) float32 in 0 to 1.
        landmarks: (n, 5, 2) float32 pixels: left eye, right eye, nose, left and right corner of the mouth, as
            seen in the image.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.landmarks.shape != (n, 5, 2):
            shapes = f"{self.boxes.shape}, {self.scores.shape}, {self.landmarks.shape}"
            raise ValueError(f"boxes, scores and landmarks do not match: {shapes}")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def empty(cls) -> Self:
        """Return an instance without faces."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty((0, 5, 2), np.float32))

    def select(self, selection: NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
        """Return the detections selected by an index array or a mask, in its order."""
        return Detections(self.boxes[selection], self.scores[selection], self.landmarks[selection])

    def scaled(self, x: float, y: float) -> Detections:
        """Return the detections in an image scaled by ``x`` in width and ``y`` in height."""
        factors = np.array([x, y], np.float32)
        return Detections(self.boxes * np.tile(factors, 2), self.scores, self.landmarks * factors)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of the weights that made a decision, as recorded in manifests.

    Attributes:
        name: name of the model, such as ``centerface`` or ``buffalo_l/det_10g``.
        sha256: hex digest of the file that was loaded.
        licence: short name of the licence of the weights.
        provider: execution provider, such as ``CPU`` or ``CUDA``.
        precision: ``fp32``, ``fp16`` or ``int8``.
    """

    name: str
    sha256: str
    licence: str
    provider: str
    precision: str
