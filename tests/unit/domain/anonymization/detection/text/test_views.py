"""Detections of views: replaced by the text in them, with a detector that is told what to find."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.media import FakeFrame
from framecloak.domain.anonymization.detection.text.views import without_views
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image

SIZE = 640, 360
SECTOR = (80.0, 15.0, 560.0, 355.0)
LETTERS = (250.0, 200.0, 390.0, 280.0)
SETTING = (10.0, 20.0, 70.0, 36.0)


def scan() -> FakeFrame:
    """Return a frame of the sector of an ultrasound device on black."""
    rows, columns = np.mgrid[:360, :640]
    radius = np.hypot(rows - 20, columns - 320)
    angle = np.degrees(np.arctan2(columns - 320, rows - 20))
    inside = (radius <= 330) & (radius >= 20) & (np.abs(angle) <= 40)
    speckle = np.random.default_rng(0).integers(60, 160, (360, 640))
    return FakeFrame(0, np.where(inside, speckle, 8).astype(np.uint8)[..., None].repeat(3, axis=2))


def found(*boxes: tuple[float, ...], score: float = 0.95) -> FrameDetections:
    return FrameDetections(np.array(boxes, float).reshape(-1, 4), np.full(len(boxes), score))


@pytest.mark.parametrize("score", [0.6, 0.95])
def test_a_sector_is_no_text_however_sure_the_detector_is(score: float) -> None:
    def in_flat_image(image: Image) -> FrameDetections:
        return found(SECTOR, SETTING, score=score)

    result = without_views({SIZE: found(SECTOR, SETTING)}, scan(), in_flat_image, 32)
    assert boxes_of(result).tolist() == [list(SETTING)]


def test_large_letters_in_a_sector_stay_detected() -> None:
    result = without_views({SIZE: found(SECTOR)}, scan(), lambda image: found(SECTOR, LETTERS), 32)
    assert list(LETTERS) in boxes_of(result).tolist()
    assert list(SECTOR) not in boxes_of(result).tolist()


def boxes_of(result: dict[tuple[int, int], FrameDetections]) -> Boxes:
    return np.unique(np.concatenate([each.boxes for each in result.values()]), axis=0)
