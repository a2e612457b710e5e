"""Greedy non-maximum suppression: of boxes that show one thing, the best one stays."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import FloatArray


def suppress(boxes: FloatArray, scores: FloatArray, max_iou: float) -> NDArray[np.intp]:
    """Indices of the boxes to keep, best score first.

    A box goes when its intersection over union with a better one that stays exceeds ``max_iou``. OpenCV
    does it ten times as fast as a loop over numpy calls, and threads that examine frames need the
    interpreter's lock for little else.

    Args:
        boxes: (n, 4) ``x1, y1, x2, y2``.
        scores: (n,), above 0.
        max_iou: the largest overlap of two boxes that both stay.
    """
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    # Lists of numbers: OpenCV's wrapper takes a slow path for arrays.
    kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, max_iou)
    return np.asarray(kept, np.intp).reshape(-1)
