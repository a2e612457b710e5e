"""Cosine similarity of two embeddings, and of one with many."""

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
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.reid.recognizers import FAMILIES, Family

VectorLike: TypeAlias = Sequence[float] | NDArray[np.floating]
"""A vector as sent by a caller."""

MatrixLike: TypeAlias = Sequence[VectorLike] | NDArray[np.floating]
"""Vectors of equal length as sent by a caller."""

_SAFE_LENGTHS = 1e-12, 1e15
"""Range of float32 vector lengths whose squares neither underflow nor overflow."""
_BLOCK_ROWS = 256
"""Number of rows processed together: few enough to stay in one core's cache between two operations, and to be
finished before other cores could help."""
_LARGEST_THRESHOLD = 1 - 1e-6
"""Cosine from which two embeddings are equal; rounding in float32 may leave that of equal ones below 1."""
_HINT = "send what an analysis returned, unchanged"


@dataclass(frozen=True, slots=True)
class SimilarityScale:
    """Interpretation of the cosine similarities of a model.

    Attributes:
        unrelated: typical cosine of two different people.
        possible: minimum cosine at which two faces may show the same person.
        usual: usual threshold for the same person.
    """

    unrelated: float
    possible: float
    usual: float


DEFAULT_THRESHOLD = 0.4
"""Usual minimum cosine of two faces of the same person, for ArcFace models."""

_ARCFACE_SCALE = SimilarityScale(0.0, 0.3, DEFAULT_THRESHOLD)
_SCALES = {Family.ARCFACE: _ARCFACE_SCALE, Family.DLIB: SimilarityScale(0.7, 0.9, 0.93)}
"""Scales of the models that have been evaluated. All faces are similar to dlib: different people reach 0.92,
and one person starts at 0.95. `benchmarks/faces/recognition_roc.py` determines the best threshold for any
model and any faces."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face similar to the target.

    Attributes:
        index: index among the searched embeddings.
        similarity: cosine similarity, -1 to 1.
    """

    index: int
    similarity: float


def compare(first: VectorLike, second: VectorLike) -> float:
    """Return the cosine similarity of two embeddings, -1 to 1.

    Raises:
        InvalidEmbeddingError: an embedding is empty, zero or not finite, or their lengths differ.
    """
    return float(similarities(unit_vector(first), unit_rows([second], "the second embedding"))[0])


def find_matches(
    target: VectorLike, embeddings: MatrixLike, threshold: float, top_k: int | None = None
) -> list[Match]:
    """Return the embeddings that are similar to a target.

    Args:
        target: (d,) embedding.
        embeddings: (n, d) embeddings to search; may be empty.
        threshold: minimum cosine of a match, -1 to 1.
        top_k: maximum number of matches; None for all.

    Returns:
        Matches, best first; ties in the order of ``embeddings``.

    Raises:
        InvalidEmbeddingError: an embedding is empty, zero or not finite, or their lengths differ.
        InvalidOptionError: ``threshold`` or ``top_k`` is out of range.
    """
    check_search(threshold, top_k)
    direction = unit_vector(target, "the target embedding")
    if not len(embeddings):
        return []
    matrix = _matrix(embeddings, "embedding {row}")
    cosines = np.empty(len(matrix), np.float32)
    for first in range(0, len(matrix), _BLOCK_ROWS):
        block, lengths = _with_lengths(matrix[first : first + _BLOCK_ROWS], "embedding {row}", first)
        # Dividing n products is faster than normalising n x d numbers.
        cosines[first : first + _BLOCK_ROWS] = _clipped(_products(direction, block) / lengths)
    return [Match(int(index), float(cosines[index])) for index in best_indices(cosines, threshold, top_k)]


def similarity_scale(space: EmbeddingSpace) -> SimilarityScale | None:
    """Return the interpretation of a space's cosines; None for a model that has not been evaluated."""
    return _SCALES[FAMILIES[space.name]] if space.name in FAMILIES else None


def similarity_scale_or_default(space: EmbeddingSpace) -> SimilarityScale:
    """Return the interpretation of a space's cosines; that of ArcFace for a model not evaluated."""
    return similarity_scale(space) or _ARCFACE_SCALE


def default_threshold(space: EmbeddingSpace) -> float:
    """Return the usual minimum cosine of two faces of the same person in a space."""
    return similarity_scale_or_default(space).usual


def check_search(threshold: float, top_k: int | None) -> None:
    """Validate the parameters of a search.

    Raises:
        InvalidOptionError: ``threshold`` or ``top_k`` is out of range.
    """
    if not -1 <= threshold <= 1:
        raise InvalidOptionError(f"the threshold is {threshold}", "use a cosine between -1 and 1")
    if top_k is not None and top_k < 1:
        raise InvalidOptionError(f"top_k is {top_k}", "request at least one match")


def best_indices(cosines: FloatArray, threshold: float, top_k: int | None = None) -> NDArray[np.intp]:
    """Return the indices of the highest of (n,) cosines, from ``threshold`` up, best first and stable.

    A threshold of 1 is met by equal embeddings, whatever the rounding.
    """
    indices = np.flatnonzero(cosines >= np.float32(min(threshold, _LARGEST_THRESHOLD)))
    return indices[np.argsort(-cosines[indices], kind="stable")][:top_k]


def similarities(direction: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the cosines of a (d,) unit vector with (n, d) unit vectors, clipped to -1 to 1.

    Raises:
        InvalidEmbeddingError: their lengths differ.
    """
    return _clipped(_products(direction, rows))


def unit_vector(numbers: VectorLike, name: str = "the embedding") -> FloatArray:
    """Return an embedding as (d,) float32 of unit length.

    Raises:
        InvalidEmbeddingError: the embedding is empty, zero, not finite, or not a list of numbers.
    """
    (row,) = unit_rows([numbers], name)
    return np.asarray(row, np.float32)


def unit_rows(rows: MatrixLike, name: str = "embedding {row}") -> FloatArray:
    """Return embeddings as a matrix of unit vectors.

    Args:
        rows: at least one embedding, all of the same length.
        name: name of a row in error messages; ``{row}`` is replaced by its number.

    Returns:
        (n, d) float32, each row of unit length.

    Raises:
        InvalidEmbeddingError: the lengths differ, or an embedding is empty, zero, not finite, or not a list
            of numbers. The message names the first such row.
    """
    matrix, lengths = _with_lengths(_matrix(rows, name), name)
    return np.asarray(matrix / lengths[:, None], np.float32)


def _products(direction: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the (n,) scalar products.

    Raises:
        InvalidEmbeddingError: the lengths of the vectors differ.
    """
    if rows.shape[1] != len(direction):
        raise InvalidEmbeddingError(
            f"an embedding of {rows.shape[1]} numbers cannot be compared with one of {len(direction)}",
            "compare embeddings of one model only",
        )
    return np.asarray(rows @ direction, np.float32)


def _clipped(cosines: FloatArray) -> FloatArray:
    return np.asarray(np.clip(cosines, -1, 1), np.float32)


def _with_lengths(matrix: FloatArray, name: str, first: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return (n, d) rows, rescaled where float32 requires it, and their (n,) lengths.

    Args:
        matrix: (n, d) rows.
        name: name of a row in error messages.
        first: number of the first row, for the error messages.

    Raises:
        InvalidEmbeddingError: a row is empty, zero or not finite.
    """
    if not matrix.size:
        raise InvalidEmbeddingError(f"{name.format(row=first)} is empty", _HINT)
    # Unaligned numbers, as msgpack may leave them, are read much faster after an aligned copy.
    matrix = np.require(matrix, np.float32, "A")
    lengths = _lengths(matrix)
    shortest, longest = _SAFE_LENGTHS
    odd = ~((lengths > shortest) & (lengths < longest))
    if odd.any():
        matrix = _rescale_extremes(matrix, np.flatnonzero(odd), name, first)
        lengths = _lengths(matrix)
    return matrix, lengths


def _lengths(matrix: FloatArray) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):  # such rows are rescaled afterwards
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", matrix, matrix)), np.float32)


def _rescale_extremes(matrix: FloatArray, odd: NDArray[np.intp], name: str, first: int) -> FloatArray:
    """Rescale rows whose squares exceed the range of float32, and refuse zero and non-finite rows."""
    scaled = matrix.copy()
    for row in odd.tolist():
        largest, row_name = np.abs(scaled[row]).max(), name.format(row=first + row)
        if not math.isfinite(largest):
            raise InvalidEmbeddingError(f"{row_name} holds a number that is not finite", _HINT)
        if largest == 0:
            raise InvalidEmbeddingError(f"{row_name} is zero and has no direction", _HINT)
        scaled[row] /= largest
    return scaled


def _matrix(rows: MatrixLike, name: str) -> FloatArray:
    """Return the rows as (n, d) float32."""
    if isinstance(rows, np.ndarray):
        if rows.ndim != 2:
            raise InvalidEmbeddingError(f"embeddings must have two axes, not {rows.ndim}", _HINT)
        with np.errstate(over="ignore"):  # overflowing numbers are refused as not finite
            return rows.astype(np.float32, copy=False)
    try:
        width = len(rows[0])
        odd = next((number for number, row in enumerate(rows) if len(row) != width), None)
    except TypeError as error:
        raise InvalidEmbeddingError("an embedding is not a list of numbers", _HINT) from error
    if odd is not None:
        raise InvalidEmbeddingError(
            f"{name.format(row=odd)} has {len(rows[odd])} numbers, and the first has {width}",
            "all embeddings of a request must have the same length",
        )
    # Nearly twice as fast as NumPy's own conversion of lists.
    pack = struct.Struct(f"{width}f").pack
    try:
        return np.frombuffer(b"".join([pack(*row) for row in rows]), np.float32).reshape(len(rows), width)
    except struct.error as error:
        raise InvalidEmbeddingError("an embedding contains a value that is not a number", _HINT) from error
