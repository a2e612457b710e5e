"""Detection in images that are turned by quarter turns, with boxes in the pixels of the upright image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framecloak.domain.anonymization.detection.directions import map_boxes, map_from_turned
from framecloak.domain.anonymization.model.detections import FrameDetections
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
    size = image.shape[1], image.shape[0]
    for turn in turns:
        turned = size[::-1] if turn % 2 else size
        (found,) = detector.detect([np.ascontiguousarray(np.rot90(image, -turn))], threshold)
        boxes.append(map_boxes(found.boxes.astype(np.float64), map_from_turned(size, turned, 90 * turn)))
        scores.append(found.scores.astype(np.float64))
    return FrameDetections(np.concatenate(boxes), np.concatenate(scores))
