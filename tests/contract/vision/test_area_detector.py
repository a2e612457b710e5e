"""Contract of detectors of text and number plates: the fake and the real ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes.vision import FakeBoxDetector, paint_text
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.detection.yolo_plates import YoloPlates
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.imaging.detections import BoxDetections, Image
from framecloak.domain.ports.models import BoxDetector
from support.samples import images, onnx_models


@dataclass(frozen=True)
class Case:
    """A detector, an image, and the boxes of the areas in it."""

    detector: BoxDetector
    image: Image
    boxes: np.ndarray


def fake(_: Path) -> Case:
    image = np.full((256, 320, 3), 90, np.uint8)
    boxes = [(20, 30, 60, 80), (200, 100, 250, 170)]
    for box, score in zip(boxes, (0.7, 0.95), strict=True):
        paint_text(image, box, score)
    return Case(FakeBoxDetector(), image, np.array(boxes, float))


def text(_: Path) -> Case:
    image = np.full((256, 320, 3), 90, np.uint8)
    boxes = []
    for words, corner, size in (("PATIENT 4711", (20, 60), 1.0), ("12:30:05", (150, 200), 0.8)):
        (width, height), _base = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, size, 2)
        cv2.putText(image, words, corner, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2)
        boxes.append((corner[0], corner[1] - height, corner[0] + width, corner[1]))
    return Case(PpOcrText.load(Provider.CPU), image, np.array(boxes, float))


def plates(models: Path) -> Case:
    image = np.full((256, 320, 3), 90, np.uint8)
    image[100:110, 100:140] = (255, 0, 0)
    detector = YoloPlates.load(onnx_models.write_plate_pack(models), models, Provider.CPU)
    # The image is shrunk to 64 x 51 and laid into the square with six rows of grey above it.
    x1, y1, x2, y2 = onnx_models.PLATE_BOX
    return Case(detector, image, np.array([[x1, y1 - 6, x2, y2 - 6]]) * 5)


CASES = {"fake": fake, "text": text, "plates": plates}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return CASES[request.param](tmp_path_factory.mktemp("models"))


def detect(case: Case, threshold: float = 0.5) -> BoxDetections:
    return case.detector.detect(case.image, threshold)


def test_an_empty_image_has_no_areas(case: Case) -> None:
    detections = case.detector.detect(np.full((96, 128, 3), 90, np.uint8), 0.5)
    assert len(detections) == 0
    assert detections.boxes.shape == (0, 4)


def test_every_area_is_detected_once_in_pixel_coordinates(case: Case) -> None:
    detections = detect(case)
    assert len(detections) == len(case.boxes)
    overlaps = images.iou(case.boxes, detections.boxes)
    assert overlaps.max(axis=1).min() > 0.5
    assert sorted(overlaps.argmax(axis=1)) == list(range(len(case.boxes)))


def test_detections_are_float32_best_first(case: Case) -> None:
    detections = detect(case, 0.2)
    assert {detections.boxes.dtype, detections.scores.dtype} == {np.dtype(np.float32)}
    assert (np.diff(detections.scores) <= 0).all()
    assert 0.2 <= detections.scores.min() <= detections.scores.max() <= 1


def test_the_threshold_is_a_minimum_score(case: Case) -> None:
    best = float(detect(case, 0.2).scores[0])
    assert len(detect(case, best - 1e-4)) >= 1
    assert len(detect(case, best + 1e-4)) == 0


def test_a_size_that_is_no_multiple_of_the_stride_is_refused(case: Case) -> None:
    if case.detector.stride == 1:
        assert len(case.detector.detect(case.image[:-1], 0.5)) == len(case.boxes)
        return
    with pytest.raises(ValueError, match="multiples"):
        case.detector.detect(np.zeros((case.detector.stride + 1, 64, 3), np.uint8), 0.5)


def test_threads_can_share_a_detector_and_the_input_is_unchanged(case: Case) -> None:
    before = case.image.copy()
    expected = detect(case)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: detect(case), range(8)))
    for detections in answers:
        np.testing.assert_array_equal(detections.boxes, expected.boxes)
        np.testing.assert_array_equal(detections.scores, expected.scores)
    np.testing.assert_array_equal(case.image, before)


def test_the_card_names_the_model(case: Case) -> None:
    card = case.detector.card
    assert card.name
    assert len(card.sha256) == 64
    assert card.provider == "CPU"
