"""Photographs for tests, taken from installed wheels."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

GROUP_BOXES = np.array(
    [
        [62, 268, 165, 392],
        [272, 153, 372, 267],
        [465, 266, 571, 410],
        [748, 346, 847, 482],
        [904, 60, 1013, 201],
        [1132, 267, 1231, 402],
    ],
    float,
)
"""The six faces of ``group_photo``, left to right, as ``x1, y1, x2, y2``; checked by eye."""


def group_photo() -> NDArray[np.uint8]:
    """Return (864, 1280, 3) RGB: six people, from the insightface wheel, which is not imported."""
    wheel = importlib.util.find_spec("insightface")
    assert wheel is not None
    assert wheel.origin is not None
    bgr = cv2.imread(str(Path(wheel.origin).parent / "data" / "images" / "t1.jpg"))
    assert bgr is not None
    return np.ascontiguousarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)[:864, :1280]).astype(np.uint8)


def iou(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (n, m) intersection over union of (n, 4) and (m, 4) boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)
