"""Shot-boundary detection on coarse grids of mean levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import LumaGrid
from framecloak.domain.imaging.detections import Image

GRID_SHAPE = (9, 16)
"""Cells of a grid, as (rows, columns)."""

MIN_CUT_CHANGE = 20.0
"""Mean change of a grid, in grey levels, below which a frame is never a cut."""

MIN_PROMINENCE = 3.0
"""Ratio of a cut's change to the median change around it: a shaking camera changes every frame."""

NEIGHBOURS = 3
"""Number of changes on each side that a cut is compared with."""

SHOT_MARGIN_FRAMES = NEIGHBOURS + 1
"""Margin in frames that a shot boundary depends on, on each side."""


def luma_grid(image: Image) -> LumaGrid:
    """Return the mean levels of a coarse grid of cells, for each of the three channels.

    Args:
        image: (h, w, 3) uint8, at least as large as ``GRID_SHAPE``.

    Returns:
        (rows * columns * 3,) float32, each the mean of a sparse sample of the cell's pixels.
    """
    rows, columns = GRID_SHAPE
    height, width = image.shape[0] // rows, image.shape[1] // columns
    cells = image[: height * rows, : width * columns].reshape(rows, height, columns, width, 3)
    sparse = cells[:, :: max(1, height // 6), :, :: max(1, width // 6)]
    means: LumaGrid = sparse.mean(axis=(1, 3), dtype=np.float32).ravel()
    return means


def shot_numbers(grids: Sequence[LumaGrid | None]) -> NDArray[np.intp]:
    """Number the shots of a run of consecutive frames.

    A cut is a change that is large, stands out from the changes around it, and persists. After a flash, or
    any other disturbance of up to two frames, the previous image returns, so it is no cut.

    Args:
        grids: one grid per frame; None if the frame could not be analysed, where no cut is reported.

    Returns:
        (frames,) ascending shot numbers from 0.
    """
    cuts = np.zeros(len(grids), np.intp)
    changes = [mean_difference(a, b) for a, b in pairwise(grids)]
    for t, change in enumerate(changes, start=1):
        if change < MIN_CUT_CHANGE:
            continue
        around = changes[max(0, t - 1 - NEIGHBOURS) : t - 1] + changes[t : t + NEIGHBOURS]
        stands_out = change >= MIN_PROMINENCE * float(np.median(around)) if around else True
        cuts[t] = stands_out and not _is_disturbance(grids, t, change)
    return np.cumsum(cuts)


def _is_disturbance(grids: Sequence[LumaGrid | None], t: int, change: float) -> bool:
    """Return whether the image reverts, within a few frames, to what it was before the change at ``t``."""
    before = range(max(0, t - 3), t)
    after = range(t, min(len(grids), t + 3))
    pairs = [(a, b) for a in before for b in after if b - a > 1]
    return any(mean_difference(grids[a], grids[b]) < change / 3 for a, b in pairs)


def mean_difference(first: LumaGrid | None, second: LumaGrid | None) -> float:
    """Return the mean absolute difference of two grids; 0 if either is missing."""
    if first is None or second is None:
        return 0.0
    return float(np.abs(first - second).mean())
