"""Some people whose faces are known, to be told from everybody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from domain.detection import FloatArray
from domain.reid.faces import EmbeddingSpace

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
