"""Computation of unit-length embeddings from aligned face crops, shared by the recognisers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import FloatArray, Image

MAX_BATCH = 32
"""Maximum number of faces per inference."""

_MIN_LENGTH = 1e-6


def unit_vectors(
    run: Callable[[Image], list[FloatArray]],
    chips: Image,
    side: int,
    dimension: int,
    max_batch: int = MAX_BATCH,
) -> FloatArray:
    """Run a model on aligned face crops (chips) and normalise its output vectors.

    Args:
        run: function that runs the model and returns one output (n, dimension).
        chips: (n, side, side, 3) uint8.
        side: side of a chip in pixels.
        dimension: length of the vectors.
        max_batch: maximum number of chips.

    Returns:
        (n, dimension) float32 of unit length.

    Raises:
        FrameAnalysisError: the model failed, or its output is not finite, has a wrong shape or a zero vector.
        ValueError: there are too many chips, or their shape is wrong.
    """
    if chips.shape[1:] != (side, side, 3) or chips.dtype != np.uint8:
        raise ValueError(f"faces of {chips.shape[1:]} {chips.dtype} are not ({side}, {side}, 3) uint8")
    if len(chips) > max_batch:
        raise ValueError(f"{len(chips)} faces in one call, but at most {max_batch} are allowed")
    if not len(chips):
        return np.empty((0, dimension), np.float32)
    vectors = run(chips)[0]
    if vectors.shape != (len(chips), dimension):
        raise FrameAnalysisError(
            f"the model gave {vectors.shape} for {len(chips)} faces of {dimension} numbers"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > _MIN_LENGTH).all()):
        raise FrameAnalysisError("the model gave a vector that has no direction")
    return np.asarray(vectors / lengths, np.float32)
