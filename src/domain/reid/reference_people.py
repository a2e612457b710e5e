"""Some people whose faces are known, to be told from everybody else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from framecloak.domain.errors import FaceNotFoundError, FaceTooSmallError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.imaging import FaceDetector, FrameSource
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.face_search import MIN_FACE, look
from framecloak.domain.reid.model import EmbeddingSpace

Turn: TypeAlias = Callable[[FloatArray], FloatArray]
"""Brings (n, dimension) vectors to where others are kept, without changing cosines among them."""


def as_they_are(vectors: FloatArray) -> FloatArray:
    """The same vectors."""
    return vectors


@dataclass(frozen=True, slots=True, eq=False)
class Likenesses:
    """Faces of people, as they are kept.

    Attributes:
        vectors: (n, dimension) float32 of unit length, turned by a secret where they come from a gallery.
        turn: turns what is compared with them likewise.
    """

    vectors: FloatArray
    turn: Turn = as_they_are


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Some people.

    Attributes:
        reference: what a manifest calls them: the id of a gallery, or the digest of a folder's pictures.
        space: what their faces were recognised with.
        likenesses: their faces.
    """

    reference: str
    space: EmbeddingSpace
    likenesses: Sequence[Likenesses]

    @property
    def faces(self) -> int:
        """How many faces of them are known."""
        return sum(len(one.vectors) for one in self.likenesses)

    def similarities(self, vectors: FloatArray) -> FloatArray:
        """How much each of some faces is like the face of theirs that it is most like.

        Args:
            vectors: (n, dimension) float32 of unit length.

        Returns:
            (n,) float32 cosines.
        """
        best = np.full(len(vectors), -1.0, np.float32)
        for one in self.likenesses:
            if len(one.vectors):
                best = np.maximum(best, (one.turn(vectors) @ one.vectors.T).max(axis=1))
        return np.asarray(np.clip(best, -1, 1), np.float32)


def people_in_pictures(
    pictures: Sequence[FrameSource], detector: FaceDetector, recognizer: FaceRecognizer
) -> People:
    """The people that pictures show: of each picture, the largest face.

    Args:
        pictures: at least one.
        detector: finds faces.
        recognizer: turns them into vectors.

    Raises:
        FaceNotFoundError: a picture shows no face.
        FaceTooSmallError: its largest face is too small to be recognised.
        InvalidImageError: it cannot be read.
        ExaminationError: a model failed.
    """
    chips = [_largest_face(picture, detector, recognizer) for picture in pictures]
    vectors = np.concatenate([recognizer.embed(chip) for chip in chips])
    digests = sorted(picture.sha256() for picture in pictures)
    reference = f"folder:{hashlib.sha256(''.join(digests).encode()).hexdigest()}"
    return People(reference, recognizer.space, (Likenesses(vectors),))


def _largest_face(picture: FrameSource, detector: FaceDetector, recognizer: FaceRecognizer) -> Image:
    name = picture.info.name
    with closing(picture.frames(0, 1)) as frames:
        frame = next(frames)
    found = look(detector, frame)
    if not len(found):
        raise FaceNotFoundError(
            f"{name} shows no face", "take it out, or use a picture that shows one clearly"
        )
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    largest = int(sides.prod(axis=1).argmax())
    if sides[largest].min() < MIN_FACE:
        raise FaceTooSmallError(
            f"the largest face in {name} is {sides[largest].min():.0f} pixels wide or high",
            f"{MIN_FACE} are needed at least",
        )
    return recognizer.align(frame.rgb(frame.width, frame.height), found.landmarks[[largest]])
