"""Agreement on large text: one detection alone must not blacken a good part of the frame.

The text detector reports a whole textured area, up to the frame itself, as one line now and then. Such a
detection counts by itself only if its frame confirms it: at another scale, or by the lines inside it. What
its frame does not confirm is left to the tracker, which accepts it if several passes agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

MIN_LOOK_PX = 640
"""Longer side in pixels from which on the image searched first is large enough to be searched at a half."""

MIN_FILLED_SHARE = 0.5
"""Share of a large detection that others must fill to confirm it."""

_MAX_RELATIVE_AREA = 0.5
"""Area of a smaller detection that fills a large one, at most, in units of the large one's area."""

_GRID = 48
"""Rows and columns of the grid on which the filled share is measured."""


def mark_unconfirmed(
    by_size: Mapping[tuple[int, int], FrameDetections],
    frame_size: tuple[int, int],
    stride: int,
    look: Callable[[tuple[int, int]], FrameDetections],
    max_share: float,
) -> list[FrameDetections]:
    """Mark the large detections that their frame does not confirm.

    Args:
        by_size: text detections in pixels of the frame, by width and height of the searched image.
        frame_size: width and height of the frame in pixels.
        stride: number of pixels that the sides of searched images must be multiples of.
        look: search of the frame scaled to a width and height; called only if there is a large detection.
        max_share: share of the frame's area up to which detections need no confirmation.

    Returns:
        The same detections with ``unconfirmed`` set, in the same order.
    """
    shown = [box_geometry.clip(found.boxes, *frame_size) for found in by_size.values()]
    large = [box_geometry.area(boxes) > max_share * frame_size[0] * frame_size[1] for boxes in shown]
    if not any(flags.any() for flags in large):
        return list(by_size.values())
    others = second_looks(max(by_size, key=max), stride)
    shown += [box_geometry.clip(look(size).boxes, *frame_size) for size in others if size not in by_size]
    return [
        replace(found, unconfirmed=flags & ~_confirmed(number, shown))
        for number, (found, flags) in enumerate(zip(by_size.values(), large, strict=True))
    ]


def second_looks(size: tuple[int, int], stride: int) -> list[tuple[int, int]]:
    """Return the width and height of the images in which to confirm what an image of one size shows.

    They are a half and a quarter of it, a third of its work; of a small image the double and the half.
    """
    factors = (0.5, 0.25) if max(size) >= MIN_LOOK_PX else (2.0, 0.5)
    looks = [[max(1, round(side * factor / stride)) * stride for side in size] for factor in factors]
    return [(width, height) for width, height in looks]


def _confirmed(number: int, looks: Sequence[Boxes]) -> NDArray[np.bool_]:
    """Return which boxes of one look (n,) those of other looks, and smaller ones of its own, fill."""
    others = np.concatenate([np.empty((0, 4)), *looks[:number], *looks[number + 1 :]])
    own = looks[number]
    areas = box_geometry.area(own)
    filled = [
        _filled_share(box, np.concatenate([others, own[areas <= _MAX_RELATIVE_AREA * area]]))
        for box, area in zip(own, areas, strict=True)
    ]
    return np.array(filled) >= MIN_FILLED_SHARE


def _filled_share(box: Boxes, parts: Boxes) -> float:
    """Return the share of a box (4,) that the union of others (n, 4) covers, measured on a grid."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    x, y = box[0] + steps * (box[2] - box[0]), box[1] + steps * (box[3] - box[1])
    covered = np.zeros((_GRID, _GRID), bool)
    for left, top, right, bottom in parts:
        covered |= np.logical_and.outer((y >= top) & (y < bottom), (x >= left) & (x < right))
    return float(covered.mean())
