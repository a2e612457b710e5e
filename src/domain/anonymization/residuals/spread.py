"""Spread of a residual to the frames around it: the same face, followed from frame to frame.

A face that the residual check finds was missed in the source, probably in neighbouring frames too, at scores
that are too low to count by themselves. From a residual the face is followed outwards; each link counts from
the lowest score of the search. Frames between two links are interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

MAX_STEP = 0.5
"""Longest way of a face per frame, in units of its size; a walking person moves by less than a tenth."""

MAX_DISTANCE = 1.5
"""Longest way of a face across a gap, in units of its size."""

MAX_SIZE_RATIO = 1.6
"""Largest ratio of the sizes of one face in two frames."""


def follow(residual: Boxes, candidates: Sequence[Boxes]) -> list[Boxes]:
    """Follow a residual through the frames next to it.

    Args:
        residual: (4,) box of the residual.
        candidates: for each frame, outwards from the residual, (n, 4) boxes of detections.

    Returns:
        For each frame the box of the same face, (1, 4); (0, 4) where it was not found and cannot be
        interpolated.
    """
    followed: list[Boxes] = [np.empty((0, 4)) for _ in candidates]
    last, last_at = residual, -1
    for at, boxes in enumerate(candidates):
        match = _nearest(last, boxes, at - last_at)
        if match is None:
            continue
        for between in range(last_at + 1, at + 1):
            share = (between - last_at) / (at - last_at)
            # Rounded, so that a face that stands still keeps its whole pixels.
            followed[between] = (last + share * (match - last)).round(3)[None]
        last, last_at = match, at
    return followed


def _nearest(box: Boxes, candidates: Boxes, steps: int) -> Boxes | None:
    """Return the nearest candidate that may be the face in a box, some frames later; None without one."""
    if not len(candidates):
        return None
    size, sizes = box_geometry.size(box), box_geometry.size(candidates)
    way = np.linalg.norm(box_geometry.centre(candidates) - box_geometry.centre(box), axis=1) / size
    ratio = np.maximum(sizes / size, size / sizes)
    possible = (way <= min(MAX_STEP * steps, MAX_DISTANCE)) & (ratio <= MAX_SIZE_RATIO)
    if not possible.any():
        return None
    nearest: Boxes = candidates[int(np.argmin(np.where(possible, way, np.inf)))]
    return nearest
