"""Detection in images that are turned by quarter turns, with boxes in the pixels of the upright image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.models import FaceDetector

UPRIGHT = (0,)
ALL_TURNS = (0, 1, 2, 3)


def detect_in_directions(
    detector: FaceDetector, image: Image, threshold: float, turns: Sequence[int]
) -> FrameDetections:
    """Detect faces in an image that is turned in turn by some quarter turns.

    Args:
        detector: face detector.
        image: (height, width, 3) uint8 RGB, with sides that the detector accepts.
        threshold: lowest score to report.
        turns: quarter turns clockwise, each 0 to 3; at least one.

    Returns:
        The detections of all directions, in pixels of the image as it was given.

    Raises:
        FrameAnalysisError: the detector fails.
    """
    boxes, scores = [], []
    for turn in turns:
        (found,) = detector.detect([np.ascontiguousarray(np.rot90(image, -turn))], threshold)
        boxes.append(_turned_back(found.boxes.astype(np.float64), turn, image.shape[1], image.shape[0]))
        scores.append(found.scores.astype(np.float64))
    return FrameDetections(np.concatenate(boxes), np.concatenate(scores))


def _turned_back(boxes: Boxes, turn: int, width: int, height: int) -> Boxes:
    """Return boxes, (n, 4), of a turned image in pixels of the image before, which has the given size."""
    x1, y1, x2, y2 = boxes.T
    corners = (
        (x1, y1, x2, y2),
        (y1, height - x2, y2, height - x1),
        (width - x2, height - y2, width - x1, height - y1),
        (width - y2, x1, width - y1, x2),
    )[turn]
    return np.stack(corners, axis=1)
