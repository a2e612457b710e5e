"""Cosine similarity: of two embeddings, and of one with many."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.errors import InvalidEmbeddingError, InvalidOptionError
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.reid.model import EmbeddingSpace

Numbers: TypeAlias = Sequence[float] | NDArray[np.floating]
"""One vector, as it was sent."""

Rows: TypeAlias = Sequence[Numbers] | NDArray[np.floating]
"""Many vectors of one length."""

_SQUARABLE = 1e-12, 1e15
"""Lengths of float32 vectors whose squares neither vanish nor overflow."""
_BLOCK = 256
"""Rows that are looked at together: they stay in a core's cache from one look to the next, and that core is
done with them before others could be called in."""
_HINT = "send what an analysis returned, unchanged"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What cosines mean to a model.

    Attributes:
        unrelated: about the cosine of two people who have nothing in common.
        possible: from here on two faces may be of one person.
        usual: from here on they are usually taken for one person's.
    """

    unrelated: float
    possible: float
    usual: float


USUAL_THRESHOLD = 0.4
"""Least cosine at which two faces are taken for one person, with models of ArcFace's kind."""

_ARCFACE = Likeness(0.0, 0.3, USUAL_THRESHOLD)
_LIKENESS = {
    "antelopev2": _ARCFACE,
    "buffalo_l": _ARCFACE,
    "buffalo_s": _ARCFACE,
    "dlib-resnet": Likeness(0.7, 0.9, 0.93),
}
"""Of models that somebody has looked into. To dlib all faces are much alike: different people reach 0.92, and
one person begins at 0.95. `benchmarks/faces/recognition_roc.py` finds the best threshold for any model and
any faces."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face that is like another.

    Attributes:
        index: where it was among those searched.
        similarity: cosine, -1 to 1.
    """

    index: int
    similarity: float


def compare(first: Numbers, second: Numbers) -> float:
    """The cosine of two embeddings, -1 to 1.

    Raises:
        InvalidEmbeddingError: one is empty, zero, not finite, or of another length than the other.
    """
    return float(similarities(unit_vector(first), unit_rows([second], "the second embedding"))[0])


def find_matches(
    target: Numbers, embeddings: Rows, threshold: float, top_k: int | None = None
) -> list[Match]:
    """Those of many embeddings that are like one.

    Args:
        target: (d,) the one.
        embeddings: (n, d) the many; none at all is no error.
        threshold: lowest cosine of a match, -1 to 1.
        top_k: the most matches that are wanted; None for all.

    Returns:
        Best first; of equal ones, the one that comes first in ``embeddings``.

    Raises:
        InvalidEmbeddingError: one is empty, zero, not finite, or of another length than the others.
        InvalidOptionError: the threshold or the number makes no sense.
    """
    check_search(threshold, top_k)
    direction = unit_vector(target, "the target embedding")
    if not len(embeddings):
        return []
    matrix = _matrix(embeddings, "embedding {row}")
    cosines = np.empty(len(matrix), np.float32)
    for first in range(0, len(matrix), _BLOCK):
        block, lengths = _with_lengths(matrix[first : first + _BLOCK], "embedding {row}", first)
        # Dividing n cosines is quicker than dividing n x d numbers.
        cosines[first : first + _BLOCK] = _held(_products(direction, block) / lengths)
    return [Match(int(index), float(cosines[index])) for index in best(cosines, threshold, top_k)]


def likeness(space: EmbeddingSpace) -> Likeness | None:
    """What cosines of a space mean; None for a model that nobody has looked into."""
    return _LIKENESS.get(space.name)


def assumed_likeness(space: EmbeddingSpace) -> Likeness:
    """What cosines of a space are taken to mean: of a model that nobody has looked into, as ArcFace's."""
    return likeness(space) or _ARCFACE


def usual_threshold(space: EmbeddingSpace) -> float:
    """The least cosine at which two faces of a space are usually taken for one person."""
    return assumed_likeness(space).usual


def check_search(threshold: float, top_k: int | None) -> None:
    """Make sure that a search can be done.

    Raises:
        InvalidOptionError: the threshold or the number makes no sense.
    """
    if not -1 <= threshold <= 1:
        raise InvalidOptionError(f"the threshold is {threshold}", "a cosine lies between -1 and 1")
    if top_k is not None and top_k < 1:
        raise InvalidOptionError(f"top_k is {top_k}", "ask for one match at least")


def best(cosines: FloatArray, threshold: float, top_k: int | None = None) -> NDArray[np.intp]:
    """Where the highest of (n,) cosines are, from ``threshold`` up, best first and stable."""
    found = np.flatnonzero(cosines >= np.float32(threshold))
    return found[np.argsort(-cosines[found], kind="stable")][:top_k]


def similarities(direction: FloatArray, rows: FloatArray) -> FloatArray:
    """Cosines of a (d,) unit vector with (n, d) unit vectors, held within -1 to 1 against rounding.

    Raises:
        InvalidEmbeddingError: their lengths differ.
    """
    return _held(_products(direction, rows))


def unit_vector(numbers: Numbers, name: str = "the embedding") -> FloatArray:
    """One embedding, (d,) float32 of unit length.

    Raises:
        InvalidEmbeddingError: it is empty, zero, not finite, or no list of numbers.
    """
    (row,) = unit_rows([numbers], name)
    return np.asarray(row, np.float32)


def unit_rows(rows: Rows, name: str = "embedding {row}") -> FloatArray:
    """Embeddings as a matrix.

    Args:
        rows: at least one, each of the same length.
        name: of a row, for what is wrong with it.

    Returns:
        (n, d) float32, each row of unit length.

    Raises:
        InvalidEmbeddingError: they are of different lengths; or one is empty, zero, not finite, or no list of
            numbers. The message names the first such row.
    """
    matrix, lengths = _with_lengths(_matrix(rows, name), name)
    return np.asarray(matrix / lengths[:, None], np.float32)


def _products(direction: FloatArray, rows: FloatArray) -> FloatArray:
    """(n,) scalar products.

    Raises:
        InvalidEmbeddingError: the lengths of the vectors differ.
    """
    if rows.shape[1] != len(direction):
        raise InvalidEmbeddingError(
            f"an embedding of {rows.shape[1]} numbers cannot be compared with one of {len(direction)}",
            "compare embeddings of one model only",
        )
    return np.asarray(rows @ direction, np.float32)


def _held(cosines: FloatArray) -> FloatArray:
    return np.asarray(np.clip(cosines, -1, 1), np.float32)


def _with_lengths(matrix: FloatArray, name: str, first: int = 0) -> tuple[FloatArray, FloatArray]:
    """(n, d) rows that have a direction, scaled where float32 asks for it, and their (n,) lengths.

    Args:
        matrix: (n, d) rows.
        name: of a row, for what is wrong with it.
        first: the number of the first row, for its name.
    """
    if not matrix.size:
        raise InvalidEmbeddingError(f"{name.format(row=first)} is empty", _HINT)
    # Numbers that lie across words, as msgpack may leave them, are read much faster once they are moved.
    matrix = np.require(matrix, np.float32, "A")
    lengths = _lengths(matrix)
    shortest, longest = _SQUARABLE
    odd = ~((lengths > shortest) & (lengths < longest))
    if odd.any():
        matrix = _rescued(matrix, np.flatnonzero(odd), name, first)
        lengths = _lengths(matrix)
    return matrix, lengths


def _lengths(matrix: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):  # such rows are looked at again
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), np.float32)


def _rescued(matrix: FloatArray, odd: NDArray[np.intp], name: str, first: int) -> FloatArray:
    """Scale rows whose squares leave the range of float32, and refuse those without a direction."""
    scaled = matrix.copy()
    for row in odd.tolist():
        largest, called = np.abs(scaled[row]).max(), name.format(row=first + row)
        if not math.isfinite(largest):
            raise InvalidEmbeddingError(f"{called} holds a number that is not finite", _HINT)
        if largest == 0:
            raise InvalidEmbeddingError(f"{called} is zero: it points nowhere", _HINT)
        scaled[row] /= largest
    return scaled


def _matrix(rows: Rows, name: str) -> FloatArray:
    """(n, d) float32."""
    if isinstance(rows, np.ndarray):
        if rows.ndim != 2:
            raise InvalidEmbeddingError(f"embeddings come as rows, and these have {rows.ndim} axes", _HINT)
        with np.errstate(over="ignore"):  # what overflows is refused as not finite
            return rows.astype(np.float32, copy=False)
    try:
        width = len(rows[0])
        odd = next((number for number, row in enumerate(rows) if len(row) != width), None)
    except TypeError as error:
        raise InvalidEmbeddingError("an embedding is not a list of numbers", _HINT) from error
    if odd is not None:
        raise InvalidEmbeddingError(
            f"{name.format(row=odd)} has {len(rows[odd])} numbers, and the first has {width}",
            "embeddings of one request have one length",
        )
    # Nearly twice as fast as NumPy's own conversion of lists.
    pack = struct.Struct(f"{width}f").pack
    try:
        return np.frombuffer(b"".join([pack(*row) for row in rows]), np.float32).reshape(len(rows), width)
    except struct.error as error:
        raise InvalidEmbeddingError("an embedding holds something that is no number", _HINT) from error
