"""Pure functions on boxes. A box is ``x1, y1, x2, y2`` in pixels; arrays are (n, 4) float.

None of these mutates its input.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Boxes: TypeAlias = NDArray[np.float64]
Corners: TypeAlias = tuple[int, int, int, int]
"""One box in whole pixels."""


def area(boxes: Boxes) -> NDArray[np.float64]:
    """Return areas in square pixels, 0 for an inverted box.

    Args:
        boxes: (..., 4).

    Returns:
        (...,) float64.
    """
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def centre(boxes: Boxes) -> NDArray[np.float64]:
    """Return the centres, (..., 2), of boxes (..., 4)."""
    return np.asarray((boxes[..., :2] + boxes[..., 2:]) / 2)


def sides(boxes: Boxes) -> NDArray[np.float64]:
    """Return the widths and heights, (..., 2), of boxes (..., 4)."""
    return np.asarray(boxes[..., 2:] - boxes[..., :2])


def size(boxes: Boxes) -> NDArray[np.float64]:
    """Return the side of the square with the same area, (...,) pixels, at least 1 to be safe as a divisor."""
    return np.asarray(np.maximum(np.sqrt(area(boxes)), 1.0))


def grow(boxes: Boxes, share: float | NDArray[np.float64]) -> Boxes:
    """Move every side outwards by a share of the box's own width or height.

    Args:
        boxes: (..., 4).
        share: share of width and height added on each of two opposite sides; a number or (...,).
    """
    by = (boxes[..., 2:] - boxes[..., :2]) * np.asarray(share)[..., None]
    grown: Boxes = np.concatenate([boxes[..., :2] - by, boxes[..., 2:] + by], axis=-1)
    return grown


def pad(boxes: Boxes, by: float | NDArray[np.float64]) -> Boxes:
    """Move every side of boxes (..., 4) outwards by some pixels: one number for all, or (...,) numbers."""
    outwards = np.asarray(by)[..., None] * np.array([-1.0, -1.0, 1.0, 1.0])
    return np.asarray(boxes + outwards)


def shift(boxes: Boxes, by: NDArray[np.float64]) -> Boxes:
    """Translate boxes (..., 4) by vectors (..., 2)."""
    moved: Boxes = boxes + np.concatenate([by, by], axis=-1)
    return moved


def clip(boxes: Boxes, width: int, height: int) -> Boxes:
    """Clip boxes (..., 4) at the borders of an image."""
    limits = np.array([width, height, width, height], np.float64)
    return np.asarray(np.clip(boxes, 0.0, limits))


def enclose(first: Boxes, second: Boxes) -> Boxes:
    """Return the smallest boxes (..., 4) that contain both boxes of each pair."""
    return np.concatenate(
        [
            np.minimum(first[..., :2], second[..., :2]),
            np.maximum(first[..., 2:], second[..., 2:]),
        ],
        axis=-1,
    )


def covers(outer: Boxes, inner: Boxes) -> NDArray[np.bool_]:
    """Return whether each outer box contains its inner box, borders included; broadcasts over (..., 4)."""
    return np.asarray(
        np.all(outer[..., :2] <= inner[..., :2], axis=-1) & np.all(outer[..., 2:] >= inner[..., 2:], axis=-1)
    )


def share_inside(inner: Boxes, outer: Boxes) -> NDArray[np.float64]:
    """Return the share of every inner box that lies inside every outer box.

    Args:
        inner: (n, 4).
        outer: (m, 4).

    Returns:
        (n, m) in 0..1.
    """
    return np.asarray(_shared(inner, outer) / np.maximum(area(inner)[:, None], 1e-9))


def subtract(box: Corners, hole: Corners) -> list[Corners]:
    """Return the part of a box outside a hole, as up to four boxes that do not overlap."""
    x1, y1, x2, y2 = box
    left, top, right, bottom = max(x1, hole[0]), max(y1, hole[1]), min(x2, hole[2]), min(y2, hole[3])
    if left >= right or top >= bottom:
        return [box]
    parts = [(x1, y1, x2, top), (x1, bottom, x2, y2), (x1, top, left, bottom), (right, top, x2, bottom)]
    return [part for part in parts if part[0] < part[2] and part[1] < part[3]]


def iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the intersection over union of every pair.

    Args:
        first: (n, 4).
        second: (m, 4).

    Returns:
        (n, m) in 0..1.
    """
    shared = _shared(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def nms(boxes: Boxes, scores: NDArray[np.floating], max_iou: float) -> NDArray[np.intp]:
    """Return the boxes that remain after greedy non-maximum suppression.

    Args:
        boxes: (n, 4).
        scores: (n,).
        max_iou: IoU with a higher-scoring box above which a box is dropped.

    Returns:
        Indices of the remaining boxes, best first.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order
    overlapping = iou(boxes[order], boxes[order]) > max_iou
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~overlapping[i, i + 1 :]
    return order[alive]


def _shared(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the intersection area of every pair, (n, m)."""
    top_left = np.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])
