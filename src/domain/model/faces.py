"""Faces and their embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framecloak.domain.imaging.detections import FloatArray


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Space of comparable embeddings, identified by the model that computes them.

    Attributes:
        name: name of the model, such as ``buffalo_l`` or ``dlib-resnet``.
        sha256: hex digest of its graph; another file of the same name is another space.
        dimension: length of a vector.
    """

    name: str
    sha256: str
    dimension: int


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A face as a point on the unit sphere of its space.

    Attributes:
        space: space of the vector; only embeddings of one space are comparable.
        vector: (dimension,) float32 of unit length.
    """

    space: EmbeddingSpace
    vector: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face detected in an image.

    Attributes:
        box: (4,) float32 ``x1, y1, x2, y2`` in pixels of the upright image, inside it.
        score: confidence of the detector, 0 to 1.
        landmarks: (5, 2) float32 pixels: left eye, right eye, nose, left and right corner of the mouth, as
            seen in the image.
        embedding: embedding of the face.
        quality: quality measures of the face.
        emotions: probability of each emotion, or None if unavailable.
    """

    box: FloatArray
    score: float
    landmarks: FloatArray
    embedding: Embedding
    quality: Quality
    emotions: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ImageAnalysis:
    """Result of the analysis of an image.

    Attributes:
        faces: requested faces, largest first.
        detected: number of faces in the image, including those too small to be recognised.
    """

    faces: tuple[Face, ...]
    detected: int


@dataclass(frozen=True, slots=True)
class Quality:
    """Quality measures of a face.

    Attributes:
        sharpness: 0 (blurred) to 1; faces in focus have 0.45 or more.
        yaw: horizontal rotation of the head in degrees, positive towards the right side of the image.
        pitch: vertical rotation in degrees, positive when looking up.
        roll: In-plane rotation in degrees, positive clockwise.
        size: shorter side of the face's box in pixels.
    """

    sharpness: float
    yaw: float
    pitch: float
    roll: float
    size: float
