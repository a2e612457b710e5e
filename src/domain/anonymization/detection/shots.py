"""Shot-boundary detection on coarse grids of mean levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.imaging.detections import Image

GRID = (9, 16)
"""Cells of a grid, as (rows, columns)."""

LEAST_CHANGE = 20.0
"""Mean change of a grid, in grey levels, below which a frame is never a cut."""

PROMINENCE = 3.0
"""Ratio of a cut's change to the median change around it: a shaking camera changes every frame."""

NEIGHBOURS = 3
"""Number of changes on each side that a cut is compared with."""

SCENE_HORIZON = NEIGHBOURS + 1
"""Margin in frames that a shot boundary depends on, on each side."""


def thumbnail(picture: Image) -> Thumbnail:
    """Return the mean levels of a coarse grid of cells, for each of the three channels.

    Args:
        picture: (h, w, 3) uint8, at least as large as ``GRID``.

    Returns:
        (rows * columns * 3,) float32, each the mean of a sparse sample of the cell's pixels.
    """
    rows, columns = GRID
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    cells = picture[: height * rows, : width * columns].reshape(rows, height, columns, width, 3)
    sparse = cells[:, :: max(1, height // 6), :, :: max(1, width // 6)]
    means: Thumbnail = sparse.mean(axis=(1, 3), dtype=np.float32).ravel()
    return means


def scene_numbers(thumbnails: Sequence[Thumbnail | None]) -> NDArray[np.intp]:
    """Number the shots of a run of consecutive frames.

    A cut is a change that is large, stands out from the changes around it, and persists. After a flash, or
    any other disturbance of up to two frames, the previous image returns, so it is no cut.

    Args:
        thumbnails: one grid per frame; None if the frame could not be analysed, where no cut is reported.

    Returns:
        (frames,) ascending shot numbers from 0.
    """
    cuts = np.zeros(len(thumbnails), np.intp)
    changes = [_change(a, b) for a, b in pairwise(thumbnails)]
    for t, change in enumerate(changes, start=1):
        if change < LEAST_CHANGE:
            continue
        around = changes[max(0, t - 1 - NEIGHBOURS) : t - 1] + changes[t : t + NEIGHBOURS]
        stands_out = change >= PROMINENCE * float(np.median(around)) if around else True
        cuts[t] = stands_out and not _is_disturbance(thumbnails, t, change)
    return np.cumsum(cuts)


def _is_disturbance(thumbnails: Sequence[Thumbnail | None], t: int, change: float) -> bool:
    """Return whether the image reverts, within a few frames, to what it was before the change at ``t``."""
    before = range(max(0, t - 3), t)
    after = range(t, min(len(thumbnails), t + 3))
    pairs = [(a, b) for a in before for b in after if b - a > 1]
    return any(_change(thumbnails[a], thumbnails[b]) < change / 3 for a, b in pairs)


def _change(first: Thumbnail | None, second: Thumbnail | None) -> float:
    """Return the mean absolute difference of two grids; 0 if either is missing."""
    if first is None or second is None:
        return 0.0
    return float(np.abs(first - second).mean())
