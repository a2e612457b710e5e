"""Index of one gallery in memory: the signs of its rotated vectors, scanned exhaustively by Faiss.

The sign of a number says on which side of a plane a vector lies. Vectors are stored after a secret random
rotation, so the planes are random too, and the share of signs in which two vectors differ is an estimate of
their angle (Charikar, 2002): an angle of ``a`` gives a share of ``a / pi``. The nearest by signs are
candidates that are compared exactly in Postgres, which remains the only truth.
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.reid.galleries.maintenance import SIGN_DIMENSION

MIN_DIMENSION = SIGN_DIMENSION
"""Minimum dimension for which signs estimate an angle well enough."""

MAX_CANDIDATES = 2000
"""Maximum number of faces that are compared exactly."""

MIN_CANDIDATES = 50

_MISS_DEVIATIONS = 2.33
"""Standard deviations of the estimate within which all candidates are compared: a face whose similarity is
exactly the threshold is one of them with a probability of 0.99, and a more similar one more probably."""

_FOUND_DEVIATIONS = 4.0
"""The same where a face was found, and others are compared only because they may be more similar still."""

Numbers = NDArray[np.int64]
Distances = NDArray[np.int32]
Bits = NDArray[np.uint8]


class Candidates(NamedTuple):
    """Faces that are nearest by their signs.

    Attributes:
        numbers: their numbers in the order of enrolment, nearest first.
        distances: number of signs in which each differs from the query, ascending.
        dimension: number of signs.
        complete: True if they include every face that may be similar enough.
    """

    numbers: Numbers
    distances: Distances
    dimension: int
    complete: bool

    def as_similar_as(self, similarity: float) -> int:
        """Return how many of the first may be at least as similar to the query as a face that was found.

        Args:
            similarity: its cosine. A more similar face is not among them with a probability of 0.00003.
        """
        radius = _radius(similarity, self.dimension, _FOUND_DEVIATIONS)
        return int(np.searchsorted(self.distances, radius, side="right"))


class SignIndex:
    """Signs of the vectors of one gallery under one key. Thread-safe; calls block.

    Args:
        dimension: number of numbers of a vector, a multiple of 8.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._lock = threading.Lock()
        self._index = faiss.IndexBinaryFlat(dimension)
        self._numbers = np.empty(0, np.int64)

    @property
    def watermark(self) -> int:
        """Largest number of a face that was added; 0 if there is none."""
        return int(self._numbers[-1]) if len(self._numbers) else 0

    @property
    def faces(self) -> int:
        """Number of faces."""
        return len(self._numbers)

    @property
    def nbytes(self) -> int:
        """Memory of signs and numbers in bytes."""
        return self.faces * (self._dimension // 8 + 8)

    def add(self, numbers: Numbers, signs: Bits) -> None:
        """Add faces; those that were added before are ignored.

        Args:
            numbers: (n,) ascending numbers of the faces.
            signs: (n, dimension / 8) packed signs.
        """
        with self._lock:
            new = numbers > self.watermark
            self._index.add(np.ascontiguousarray(signs[new]))
            self._numbers = np.concatenate([self._numbers, numbers[new]])

    def keep_only(self, numbers: Numbers) -> int:
        """Remove all faces but these and those added since they were read; return the number removed.

        Args:
            numbers: (n,) ascending numbers of existing faces.
        """
        with self._lock:
            last = int(numbers[-1]) if len(numbers) else 0
            gone = ~np.isin(self._numbers, numbers, assume_unique=True) & (self._numbers <= last)
            return self._remove(gone)

    def lacks(self, numbers: Numbers) -> bool:
        """Return whether a face up to the watermark is missing."""
        with self._lock:
            expected = numbers[numbers <= self.watermark]
            return not np.isin(expected, self._numbers, assume_unique=True).all()

    def remove(self, numbers: Numbers) -> None:
        """Remove faces."""
        with self._lock:
            self._remove(np.isin(self._numbers, numbers))

    def nearest(self, signs: Bits, threshold: float) -> Candidates:
        """Return the faces whose cosine may be at least a threshold.

        Args:
            signs: (dimension / 8,) packed signs of the query.
            threshold: minimum cosine.
        """
        with self._lock:
            count = min(MAX_CANDIDATES, self.faces)
            if not count:
                empty = np.empty(0, np.int64), np.empty(0, np.int32)
                return Candidates(*empty, self._dimension, complete=True)
            distances, positions = self._index.search(signs[np.newaxis], count)
            numbers = self._numbers[positions[0]]
        radius = _radius(threshold, self._dimension, _MISS_DEVIATIONS)
        within = int(np.searchsorted(distances[0], radius, side="right"))
        complete = within < count or count == self.faces
        kept = max(within, MIN_CANDIDATES)
        return Candidates(numbers[:kept], distances[0, :kept], self._dimension, complete)

    def _remove(self, gone: NDArray[np.bool_]) -> int:
        positions = np.flatnonzero(gone)
        if len(positions):
            self._index.remove_ids(faiss.IDSelectorBatch(positions))
            self._numbers = self._numbers[~gone]
        return len(positions)


def packed_signs(vectors: NDArray[np.float32]) -> Bits:
    """Return the signs of vectors (..., dimension), packed to (..., dimension / 8) uint8.

    They equal those of pgvector's ``binary_quantize``.
    """
    return np.packbits(vectors > 0, axis=-1)


def _radius(threshold: float, dimension: int, deviations: float) -> float:
    """Return the number of different signs within which similar enough vectors are, but for rare ones."""
    share = math.acos(min(1.0, max(-1.0, threshold))) / math.pi
    return dimension * share + deviations * math.sqrt(dimension * share * (1 - share))
