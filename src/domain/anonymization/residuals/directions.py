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

MIN_SCREENED_SCORE = 0.05
"""Score from which on a faster detector's finds in a turned image make the first one look, too.

It is lower than in whole frames, because weaker detections count around a face that is known.
"""


def detect_in_directions(
    detector: FaceDetector,
    image: Image,
    threshold: float,
    turns: Sequence[int],
    screen: FaceDetector | None = None,
) -> FrameDetections:
    """Detect faces in an image that is turned in turn by some quarter turns.

    Args:
        detector: face detector.
        image: (height, width, 3) uint8 RGB, with sides that the detector accepts.
        threshold: lowest score to report.
        turns: quarter turns clockwise, each 0 to 3; at least one.
        screen: faster detector; where it sees nothing in a turned image, the first one does not look. None to
            look in every direction.

    Returns:
        The detections of all directions, in pixels of the image as it was given.

    Raises:
        FrameAnalysisError: the detector fails.
    """
    boxes, scores = [np.empty((0, 4))], [np.empty(0)]
    size = image.shape[1], image.shape[0]
    for turn in turns:
        turned = size[::-1] if turn % 2 else size
        pixels = np.ascontiguousarray(np.rot90(image, -turn))
        if turn and screen and not detector.stride % screen.stride:
            (seen,) = screen.detect([pixels], MIN_SCREENED_SCORE)
            if not len(seen):
                continue
        (found,) = detector.detect([pixels], threshold)
        boxes.append(map_boxes(found.boxes.astype(np.float64), map_from_turned(size, turned, 90 * turn)))
        scores.append(found.scores.astype(np.float64))
    return FrameDetections(np.concatenate(boxes), np.concatenate(scores))
