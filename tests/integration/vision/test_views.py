"""Views of endoscopes: the text detector takes them for letters, and the text in them stays detected."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fakes.media import FakeFrame
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.detection.text_and_plates import (
    VIDEO_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Image, TargetKind
from support.samples.endoscope import SIZE, endoscope_screen

SEED = 3


class SmoothFrame(FakeFrame):
    """Frame that is scaled as decoded ones are."""

    def rgb(self, width: int, height: int) -> Image:
        scaled = cv2.resize(self.bgr(), (width, height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(scaled[:, :, ::-1], np.uint8)


@pytest.fixture(scope="module")
def detector() -> PpOcrText:
    return PpOcrText.load(Provider.CPU)


def redacted(image: Image, detector: PpOcrText) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return the pixels (h, w) that detections above the tracker's threshold cover."""
    frame = SmoothFrame(0, np.ascontiguousarray(image[:, :, ::-1]))
    found = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, VIDEO_TEXT_AND_PLATES)[TargetKind.TEXT]
    mask = np.zeros(SIZE[::-1], np.bool_)
    for x1, y1, x2, y2 in found.boxes[found.scores >= VIDEO_TEXT_AND_PLATES.tracking.accept]:
        mask[max(0, int(y1)) : int(y2) + 1, max(0, int(x1)) : int(x2) + 1] = True
    return mask


@pytest.mark.parametrize(
    ("shape", "text_in_view"), [("round", False), ("octagonal", False), ("square", False), ("round", True)]
)
def test_a_view_stays_and_all_text_is_covered(shape: str, text_in_view: bool, detector: PpOcrText) -> None:
    screen = endoscope_screen(shape, SEED, text_in_view=text_in_view)
    mask = redacted(screen.image, detector)
    x1, y1, x2, y2 = screen.view
    assert mask[y1:y2, x1:x2].mean() < 0.05
    for x1, y1, x2, y2 in screen.lines:
        assert mask[y1:y2, x1:x2].mean() > 0.99


def test_letters_as_large_as_a_view_are_covered(detector: PpOcrText) -> None:
    screen = endoscope_screen("round", SEED)
    for text, corner in (("ANNA", (430, 430)), ("O", (600, 480))):
        image = screen.image.copy()
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_DUPLEX, 7.0, (240, 240, 240), 28, cv2.LINE_AA)
        drawn = (image != screen.image).any(axis=2)
        assert redacted(image, detector)[drawn].mean() > 0.98, text


def test_each_line_beside_a_view_is_detected_once(detector: PpOcrText) -> None:
    screen = endoscope_screen("round", SEED)
    frame = SmoothFrame(VIDEO_TEXT_AND_PLATES.every, np.ascontiguousarray(screen.image[:, :, ::-1]))
    found = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, VIDEO_TEXT_AND_PLATES)[TargetKind.TEXT]
    overlap = box_geometry.iou(found.boxes, found.boxes)
    assert np.flatnonzero((overlap >= 0.7).sum(axis=1) > 1).tolist() == []
