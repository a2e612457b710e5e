"""What recognisers have in common: from aligned faces to vectors of unit length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import FloatArray, Image

MAX_BATCH = 32
"""Faces of one call."""

_SHORTEST = 1e-6


def unit_vectors(
    run: Callable[[Image], list[FloatArray]],
    chips: Image,
    side: int,
    dimension: int,
    max_batch: int = MAX_BATCH,
) -> FloatArray:
    """Run a model on aligned faces.

    Args:
        run: the model; gives one output of (n, dimension).
        chips: (n, side, side, 3) uint8.
        side: of a chip, in pixels.
        dimension: numbers in a vector.
        max_batch: the most faces that are taken.

    Returns:
        (n, dimension) float32 of unit length.

    Raises:
        ExaminationError: the model failed, or gave numbers that are none.
        ValueError: too many faces, or of another shape.
    """
    if chips.shape[1:] != (side, side, 3) or chips.dtype != np.uint8:
        raise ValueError(f"faces of {chips.shape[1:]} {chips.dtype} are not ({side}, {side}, 3) uint8")
    if len(chips) > max_batch:
        raise ValueError(f"{len(chips)} faces in one call, at most {max_batch} are taken")
    if not len(chips):
        return np.empty((0, dimension), np.float32)
    vectors = run(chips)[0]
    if vectors.shape != (len(chips), dimension):
        raise ExaminationError(
            f"the model gave {vectors.shape} for {len(chips)} faces of {dimension} numbers"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > _SHORTEST).all()):
        raise ExaminationError("the model gave a vector that has no direction")
    return np.asarray(vectors / lengths, np.float32)
