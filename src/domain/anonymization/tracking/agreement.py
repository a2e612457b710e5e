"""Agreement between the detections of one track: what counts only if several frames show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

SAME_TEXT_IOU = 0.5
"""IoU from which on two detections are of the same text."""

MIN_AGREEING_FRAMES = 3
"""Number of frames, the detection's own included, that must show the same text."""


def agreed(
    frames: NDArray[np.intp], boxes: Boxes, scores: NDArray[np.float64], settings: TrackingSettings
) -> NDArray[np.bool_]:
    """Return which detections of a track other frames near them agree with, as (n,) bool.

    They must span two detection intervals, because neighbouring frames repeat the errors of a detector, and
    one of them must have a high score. Only frames within ``settings.memory`` count.

    Args:
        frames: (n,) ascending frame indices.
        boxes: (n, 4) pixels.
        scores: (n,).
        settings: thresholds and reach; the extension reaches from one pass to the next.
    """
    near = np.abs(frames[:, None] - frames[None]) <= settings.memory
    same = near & (box_geometry.iou(boxes, boxes) >= SAME_TEXT_IOU)
    confirmed = (same & (scores >= settings.accept)).any(axis=1)
    last = np.where(same, frames, -1).max(axis=1)
    first = np.where(same, frames, frames.max(initial=0)).min(axis=1)
    spans = last - first >= (MIN_AGREEING_FRAMES - 1) * settings.extension
    return np.asarray(confirmed & spans & (same.sum(axis=1) >= MIN_AGREEING_FRAMES))
