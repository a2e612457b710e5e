"""Text scores on decoded frames: scaling for the detector must not cost what exact area scaling finds."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.video.frames import ArrayFrame, DecodedFrame
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.detection.text_and_plates import (
    VIDEO_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Image, TargetKind
from support.samples import images
from support.samples.media import write_video

SIZE = (1280, 960)
SCALES = [(1280, 960), (960, 704), (800, 608), (640, 480), (544, 416), (480, 352)]


def draw_plate(image: Image, place: tuple[int, int, int, int], random: np.random.Generator) -> None:
    """Draw a plate with seven random characters at x, y, width, height."""
    x, y, width, height = place
    cv2.rectangle(image, (x, y), (x + width, y + height), (205, 210, 205), -1)
    text = "".join(random.choice(list("ABCDEFGHKLMNPRSTUVXYZ0123456789"), 7))
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, height // 12)
    (text_width, text_height), _ = cv2.getTextSize(text, font, 1.0, thickness)
    size = min(0.9 * width / text_width, 0.65 * height / text_height)
    origin = x + int((width - size * text_width) / 2), y + int((height + size * text_height) / 2)
    cv2.putText(image, text, origin, font, size, (50, 40, 40), thickness, cv2.LINE_AA)


def dash_camera(seed: int) -> tuple[Image, np.ndarray]:
    """Return a noisy frame (960, 1280, 3) BGR with twelve plates of 90 to 180 px, and their boxes (12, 4)."""
    random = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), (88, 92, 96), np.uint8)
    boxes = []
    for cell in range(12):
        height = int(random.integers(18, 38))
        width = 5 * height
        x = 320 * (cell % 4) + int(random.integers(10, 310 - width))
        y = 320 * (cell // 4) + int(random.integers(20, 240))
        draw_plate(image, (x, y, width, height), random)
        boxes.append([x, y, x + width, y + height])
    noisy = image + random.normal(0, 9, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), np.array(boxes, float)


def scores(detector: PpOcrText, image: Image, boxes: np.ndarray) -> np.ndarray:
    """Return the best score near each box (n,), 0 where nothing was detected."""
    detections = detector.detect(image, 0.1)
    zoom = np.tile([SIZE[0] / image.shape[1], SIZE[1] / image.shape[0]], 2)
    overlaps = images.iou(boxes, detections.boxes * zoom) > 0.3
    return np.where(overlaps, detections.scores, 0).max(axis=1, initial=0)


@pytest.mark.parametrize("width", [60, 90, 160, 400, 900])
def test_plates_of_all_sizes_are_found_in_4k(width: int) -> None:
    image = np.full((2160, 3840, 3), (88, 92, 96), np.uint8)
    height = width // 5
    boxes = [(300 + 1100 * column, 150 + 520 * row) for column in range(3) for row in range(4)]
    random = np.random.default_rng(width)
    for x, y in boxes:
        draw_plate(image, (x, y, width, height), random)
    noisy = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
    detector = PpOcrText.load(Provider.CPU)
    found = detect_text_and_plates(ArrayFrame(0, noisy), {TargetKind.TEXT: detector}, VIDEO_TEXT_AND_PLATES)
    text = found[TargetKind.TEXT]
    sure = text.boxes[text.scores >= VIDEO_TEXT_AND_PLATES.tracking.accept]
    plates = np.array([(x, y, x + width, y + height) for x, y in boxes], float)
    assert box_geometry.share_inside(plates, sure).max(axis=1, initial=0).min() > 0.5


@pytest.mark.parametrize("scale", SCALES, ids=lambda scale: f"{scale[0]}x{scale[1]}")
def test_text_scores_do_not_fall_below_those_of_area_scaling(tmp_path: Path, scale: tuple[int, int]) -> None:
    detector = PpOcrText.load(Provider.CPU)
    views = [dash_camera(seed) for seed in range(2)]
    path = write_video(tmp_path / "dash.mkv", size=SIZE, images=[image for image, _ in views])
    falls: list[float] = []
    with av.open(str(path)) as container:
        for picture, (_, boxes) in zip(container.decode(video=0), views, strict=True):
            frame = DecodedFrame(0, picture, Orientation.UPRIGHT)
            exact = cv2.resize(frame.bgr(), scale, interpolation=cv2.INTER_AREA)
            by_reference = scores(detector, np.ascontiguousarray(exact[:, :, ::-1]), boxes)
            falls.extend(by_reference - scores(detector, frame.rgb(*scale), boxes))
    assert np.mean(falls) < 0.01
    assert max(falls) < 0.15
