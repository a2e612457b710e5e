"""What is known of a face: where it is, whose it might be, how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.reid.quality import Quality


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes two embeddings comparable: that the same model made them.

    Attributes:
        name: the model as people call it, as ``buffalo_l`` or ``dlib-resnet``.
        sha256: hex digest of its graph; another file under the same name is another space.
        dimension: numbers in one of its vectors.
    """

    name: str
    sha256: str
    dimension: int


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A face as a point on the unit sphere of its space.

    Attributes:
        space: the only one in which it may be compared.
        vector: (dimension,) float32 of unit length.
    """

    space: EmbeddingSpace
    vector: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that was found in a picture.

    Attributes:
        box: (4,) float32 ``x1, y1, x2, y2`` in pixels of the upright picture, inside it.
        score: how sure the detector is, 0 to 1.
        landmarks: (5, 2) float32 pixels: left eye, right eye, nose, left and right corner of the mouth
            as seen in the picture.
        embedding: whose face it might be.
        quality: how much the picture of it is worth.
        emotions: probability of each; None when nobody could say.
    """

    box: FloatArray
    score: float
    landmarks: FloatArray
    embedding: Embedding
    quality: Quality
    emotions: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in a picture.

    Attributes:
        faces: those that were asked for, the largest first.
        detected: how many faces the picture has, those too small to be recognised included.
    """

    faces: tuple[Face, ...]
    detected: int
