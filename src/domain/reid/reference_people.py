"""People with reference faces, to be distinguished from everyone else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from framecloak.domain.errors import FaceNotFoundError, FaceTooSmallError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.reid.face_search import MIN_FACE_PX, detect_faces

Rotation: TypeAlias = Callable[[FloatArray], FloatArray]
"""Function that rotates (n, dimension) vectors into the coordinates of stored ones, preserving cosines."""


def unrotated(vectors: FloatArray) -> FloatArray:
    """Return the vectors unchanged."""
    return vectors


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceEmbeddings:
    """Reference embeddings of people.

    Attributes:
        vectors: (n, dimension) float32 of unit length; rotated by a secret rotation if they come from a
            gallery.
        rotate: applies the same rotation to vectors to be compared.
    """

    vectors: FloatArray
    rotate: Rotation = unrotated


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePeople:
    """A set of people with reference faces.

    Attributes:
        reference: name in the manifest: the id of a gallery, or the digest of a folder's images.
        space: embedding space of the faces.
        embeddings: reference embeddings.
    """

    reference: str
    space: EmbeddingSpace
    embeddings: Sequence[ReferenceEmbeddings]

    @property
    def face_count(self) -> int:
        """Number of reference faces."""
        return sum(len(group.vectors) for group in self.embeddings)

    def similarities(self, vectors: FloatArray) -> FloatArray:
        """Return the highest similarity of each vector to any reference face.

        Args:
            vectors: (n, dimension) float32 of unit length.

        Returns:
            (n,) float32 cosines.
        """
        best = np.full(len(vectors), -1.0, np.float32)
        for group in self.embeddings:
            if len(group.vectors):
                best = np.maximum(best, (group.rotate(vectors) @ group.vectors.T).max(axis=1))
        return np.asarray(np.clip(best, -1, 1), np.float32)


def reference_people(
    images: Sequence[FrameSource], detector: FaceDetector, recognizer: FaceRecognizer
) -> ReferencePeople:
    """Build the reference people from photos, using the largest face of each.

    Args:
        images: at least one image.
        detector: face detector.
        recognizer: computes the embeddings.

    Raises:
        FaceNotFoundError: an image shows no face.
        FaceTooSmallError: the largest face of an image is too small to be recognised.
        InvalidImageError: an image cannot be read.
        FrameAnalysisError: a model failed.
    """
    chips = [_largest_face(image, detector, recognizer) for image in images]
    vectors = np.concatenate([recognizer.embed(chip) for chip in chips])
    digests = sorted(image.sha256() for image in images)
    reference = f"folder:{hashlib.sha256(''.join(digests).encode()).hexdigest()}"
    return ReferencePeople(reference, recognizer.space, (ReferenceEmbeddings(vectors),))


def _largest_face(image: FrameSource, detector: FaceDetector, recognizer: FaceRecognizer) -> Image:
    name = image.info.name
    with closing(image.frames(0, 1)) as frames:
        frame = next(frames)
    detections = detect_faces(detector, frame)
    if not len(detections):
        raise FaceNotFoundError(
            f"{name} shows no face", "remove it, or use an image that shows a face clearly"
        )
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    largest = int(sides.prod(axis=1).argmax())
    if sides[largest].min() < MIN_FACE_PX:
        raise FaceTooSmallError(
            f"the largest face in {name} is {sides[largest].min():.0f} pixels wide or high",
            f"use an image whose face has at least {MIN_FACE_PX} pixels",
        )
    return recognizer.align(frame.rgb(frame.width, frame.height), detections.landmarks[[largest]])
