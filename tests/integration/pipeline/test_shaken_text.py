"""Text in a shaking video or on a swinging object, with the real text detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from fakes.media import FakeSampler, FakeSource
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_TEXT_AND_PLATES
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Segment
from support.samples.scripted_video import BlackBoxRedactor, RawEncoder, ScriptedDetector

SIZE = (640, 360)
FRAMES = 37
NAME = "KLARA MEYER  19560312"
Motion = Callable[[int], tuple[float, float]]


def swing(amplitude: float, period: float, start: float = 0.3) -> Motion:
    """Return a motion up and down, and half as far sideways at another frequency, in pixels."""

    def motion(frame: int) -> tuple[float, float]:
        full_turn = 2 * math.pi
        return (
            amplitude / 2 * math.sin(full_turn * 0.8 * frame / period),
            amplitude * math.sin(full_turn * (frame / period + start)),
        )

    return motion


@cache
def background() -> Image:
    """Return a background (400, 700, 3) BGR of walls, furniture and shadows, without text."""
    rng = np.random.default_rng(7)
    image = cv2.GaussianBlur(rng.integers(40, 140, (400, 700, 3)).astype(np.uint8), (0, 0), 9)
    for _ in range(14):
        x, y = int(rng.integers(0, 700)), int(rng.integers(0, 400))
        shade = [int(level) for level in rng.integers(30, 130, 3)]
        cv2.rectangle(
            image, (x, y), (x + int(rng.integers(30, 160)), y + int(rng.integers(30, 160))), shade, -1
        )
    return np.asarray(image, np.uint8)


def moved(image: Image, x: float, y: float) -> Image:
    matrix = np.array([[1, 0, x - 30], [0, 1, y - 20]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, SIZE), np.uint8)


@cache
def tag() -> tuple[Image, Image]:
    """Return masks (400, 700) of the name tag and of its text."""
    area, lines = np.zeros((400, 700), np.uint8), np.zeros((400, 700), np.uint8)
    cv2.rectangle(area, (120, 165), (600, 235), 255, -1)
    cv2.putText(lines, NAME, (140, 210), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2, cv2.LINE_AA)
    return area, lines


def frame_image(offset: tuple[float, float], *, still: bool) -> Image:
    """Return a frame (360, 640, 3) BGR of the background with the tag; only the tag moves if ``still``."""
    image = moved(background(), *((0.0, 0.0) if still else offset))
    area, lines = (moved(mask, *offset) for mask in tag())
    image[area > 128] = 225
    return image - (image * (lines[:, :, None] / 255.0) * 0.85).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> PpOcrText:
    return PpOcrText.load(Provider.CPU)


@pytest.mark.parametrize("still", [False, True], ids=["camera", "name tag"])
@pytest.mark.parametrize(
    "motion",
    [swing(6, 8), swing(9, 6), swing(9, 12), swing(4, 5), swing(14, 9)],
    ids=["8", "6", "12", "5", "9"],
)
def test_no_stroke_of_moving_text_is_visible(motion: Motion, still: bool, detector: PpOcrText) -> None:
    def paint(frame: int) -> Image:
        return frame_image(motion(frame), still=still)

    spec = RedactionSpec(
        Appearance(), (), TrackingSettings(), (DetectionScale(640),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    tools = PipelineTools(
        ScriptedDetector({}),
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        box_detectors={TargetKind.TEXT: detector},
    )
    source = FakeSource("ward.mp4", FRAMES, paint)
    uncovered = {}
    for frame in redacted_frames(source, Segment(0, FRAMES), spec, tools):
        strokes = moved(tag()[1], *motion(frame.index)) > 96
        for box in frame.boxes:
            x1, y1, x2, y2 = box.xyxy
            strokes[y1:y2, x1:x2] = False
        if strokes.any():
            uncovered[frame.index] = int(strokes.sum())
    assert not uncovered
