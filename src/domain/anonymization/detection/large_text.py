"""Agreement on large text: one detection alone must not blacken a good part of the frame.

The text detector reports a whole textured area, up to the frame itself, as one line now and then. Such a
detection counts by itself only if its frame confirms it: at another scale, or by the lines inside it. Text
that fills the frame is detected at small scales too. What its frame does not confirm is left to the tracker,
which accepts it if several passes agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.scales import DetectionScale, scaled_sizes
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

MAX_TEXT_SHARE = 0.25
"""Share of the frame's area from which on text needs agreement, unless a setting names another one."""

SECOND_LOOK_SIDES = (640, 320)
"""Longer sides in pixels of the images searched for confirmation; together a third of the work at 1280."""

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
    scales = [DetectionScale(side) for side in SECOND_LOOK_SIDES]
    others = [size for size in scaled_sizes(0, frame_size, scales, stride) if size not in by_size]
    shown += [box_geometry.clip(look(size).boxes, *frame_size) for size in others]
    return [
        replace(found, unconfirmed=flags & ~_confirmed(number, shown))
        for number, (found, flags) in enumerate(zip(by_size.values(), large, strict=True))
    ]


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
