"""Synthetic embeddings: people with several faces each, in even or skewed spaces, or noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.reid.galleries.model import MAX_ENROLMENTS

FACES_PER_PERSON = 4
PEOPLE_PER_GROUP = 250
"""People whose means are made together, those of one block."""
SPREAD = 0.9
"""Distance of a face from its person's mean, relative to the length of that mean."""

Vectors = NDArray[np.float32]


@dataclass
class Population:
    """Faces of one kind.

    Attributes:
        kind: name of the kind.
        dimension: numbers of a vector.
        faces: number of faces.
        is_evaluated: whether the figures are evaluated.
    """

    kind: str
    dimension: int
    faces: int
    is_evaluated: bool = True

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(7)
        ranks = np.arange(self.dimension, dtype=np.float32)
        self._scale = 1 / np.sqrt(1 + ranks / 32) if self.kind == "skewed people" else np.float32(1)

    def blocks(self) -> Iterator[Vectors]:
        """Yield all faces, in the order of their people."""
        for first in range(0, self.faces, MAX_ENROLMENTS):
            yield self.around(np.arange(first, min(self.faces, first + MAX_ENROLMENTS)) // FACES_PER_PERSON)

    def queries(self, count: int) -> Vectors:
        """Return faces of enrolled people that are not enrolled themselves."""
        return self.around(self._random.integers(0, -(-self.faces // FACES_PER_PERSON), count))

    def strangers(self, count: int) -> Vectors:
        """Return faces of people who are not enrolled."""
        return self._directions(self._random, count)

    def around(self, people: NDArray[np.int64]) -> Vectors:
        """Return new faces of people, given by their numbers."""
        fresh = self._directions(self._random, len(people))
        return fresh if self.kind == "noise" else _unit(self._means(people) + SPREAD * fresh)

    def _means(self, people: NDArray[np.int64]) -> Vectors:
        """Return the means of people, made again each time: those of all would take gigabytes."""
        means = np.empty((len(people), self.dimension), np.float32)
        for group in np.unique(people // PEOPLE_PER_GROUP).tolist():
            members = np.flatnonzero(people // PEOPLE_PER_GROUP == group)
            all_of_group = self._directions(np.random.default_rng((11, group)), PEOPLE_PER_GROUP)
            means[members] = all_of_group[people[members] % PEOPLE_PER_GROUP]
        return means

    def _directions(self, random: np.random.Generator, count: int) -> Vectors:
        return _unit(random.standard_normal((count, self.dimension), np.float32) * self._scale)


def _unit(vectors: NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
