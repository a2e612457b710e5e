"""Directions of tracked faces."""

from __future__ import annotations

import numpy as np

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track


def face(direction: int | None) -> FrameDetections:
    directions = None if direction is None else np.array([direction])
    return FrameDetections(np.array([[10.0, 10, 50, 50]]), np.array([0.9]), directions=directions)


def test_a_box_has_the_direction_of_the_nearest_detection() -> None:
    nothing = FrameDetections.empty()
    detections = [nothing, face(90), nothing, nothing, nothing, face(45), face(None), nothing]
    result = track(detections, np.zeros(len(detections), np.intp), TrackingSettings(extension=1))
    assert [box.direction for boxes in result.boxes for box in boxes] == [90, 90, 90, 45, 45, 45, 0, 0]
