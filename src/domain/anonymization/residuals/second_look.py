"""Second look at detections that lie partly on replaced pixels: do the visible pixels alone show a face?

A detector fires on black boxes between heads and shoulders. Such a detection is caused by the boxes, and
disappears when they are filled with the colours around them. A face that is only partly covered is still
detected. `docs/concepts/residual-check.md` has the measurements behind the thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.residuals.directions import UPRIGHT, detect_in_directions
from framecloak.domain.anonymization.residuals.inpainting import scaled_crop
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.models import FaceDetector

MAX_NEGLIGIBLE_SHARE = 0.1
"""Replaced share of a detection below which it needs no second look."""

MIN_VISIBLE_SHARE = 0.02
"""Visible share of a detection below which it shows nothing."""

FACE_SIDES_PX = (32, 48)
"""Sides to which the longer side of a detection is scaled; detectors see small faces best at these."""

CONTEXT = 3.0
"""Side of the crop around a detection, as a multiple of the detection's longer side."""

SAME_PLACE_IOU = 0.3
"""Minimum IoU of the two detections of one face."""

_LOWEST_SCORE = 0.1
_MIN_SCORES = ((0.5, _LOWEST_SCORE), (0.85, 0.15), (1.0, 0.3))
"""Score that confirms a detection, by the share of it that was replaced: what is left of a half-covered face
scores low, and what is left of a detection that is almost entirely covered is hardly a face."""


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Judge of detections on replaced pixels, by the pixels that are visible. Thread-safe.

    Attributes:
        detector: face detector.
        turns: directions in which it looks, in quarter turns clockwise.
    """

    detector: FaceDetector
    turns: tuple[int, ...] = UPRIGHT

    def confirmed(
        self, image: Image, visible: NDArray[np.bool_], boxes: Boxes, replaced: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which detections are faces in the visible pixels; see `VisibleFaceJudge`."""
        return np.array(
            [
                self._is_face(image, visible, box, share)
                for box, share in zip(boxes, replaced.tolist(), strict=True)
            ],
            bool,
        )

    def _is_face(self, image: Image, visible: NDArray[np.bool_], box: Boxes, replaced: float) -> bool:
        if replaced < MAX_NEGLIGIBLE_SHARE:
            return True
        if replaced > 1 - MIN_VISIBLE_SHARE:
            return False
        required = next(score for share, score in _MIN_SCORES if replaced <= share)
        return any(self._score(image, visible, box, side) >= required for side in FACE_SIDES_PX)

    def _score(self, image: Image, visible: NDArray[np.bool_], box: Boxes, side: int) -> float:
        """Return the score of the detection in its crop, scaled and with replaced pixels filled."""
        length = float(np.max(box_geometry.sides(box)))
        x1, y1, x2, y2 = _context(box, length, image)
        # Twice the target resolution is enough to average over.
        step = max(1, int(length / (2 * side)))
        crop, crop_visible = image[y1:y2:step, x1:x2:step], visible[y1:y2:step, x1:x2:step]
        stride, zoom = self.detector.stride, side / length
        width, height = (max(1, round(extent * zoom / stride)) * stride for extent in (x2 - x1, y2 - y1))
        filled = scaled_crop(crop, crop_visible, (width, height))
        found = detect_in_directions(self.detector, filled, _LOWEST_SCORE, self.turns)
        scale = np.tile(((x2 - x1) / width, (y2 - y1) / height), 2)
        in_frame = box_geometry.shift(found.boxes * scale, np.array([x1, y1], np.float64))
        there = box_geometry.iou(in_frame, box[None])[:, 0] >= SAME_PLACE_IOU
        return float(found.scores[there].max(initial=0.0))


def _context(box: Boxes, length: float, image: Image) -> tuple[int, int, int, int]:
    """Return the corners of the square crop around a detection, clipped to the image."""
    centre = box_geometry.centre(box)
    corners = np.concatenate([centre - CONTEXT * length / 2, centre + CONTEXT * length / 2])
    x1, y1, x2, y2 = box_geometry.clip(corners, image.shape[1], image.shape[0]).round().astype(int).tolist()
    return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)
