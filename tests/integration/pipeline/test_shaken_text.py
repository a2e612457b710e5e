"""What is written in a picture that shakes, or on something that swings, with the real detector of text."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from fakes.media import FakeSource
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
from support.samples.scripted_video import BlackBoxes, RawBytes, ScriptedDetector

SIZE = (640, 360)
FRAMES = 37
NAME = "KLARA MEYER  19560312"
Way = Callable[[int], tuple[float, float]]


def swing(far: float, period: float, start: float = 0.3) -> Way:
    """Up and down, and half as far to both sides, at another pace; in pixels."""

    def way(frame: int) -> tuple[float, float]:
        turn = 2 * math.pi
        return (
            far / 2 * math.sin(turn * 0.8 * frame / period),
            far * math.sin(turn * (frame / period + start)),
        )

    return way


@cache
def ward() -> Image:
    """(400, 700, 3) BGR: walls, furniture and shadows, and nothing that is written."""
    rng = np.random.default_rng(7)
    picture = cv2.GaussianBlur(rng.integers(40, 140, (400, 700, 3)).astype(np.uint8), (0, 0), 9)
    for _ in range(14):
        x, y = int(rng.integers(0, 700)), int(rng.integers(0, 400))
        shade = [int(level) for level in rng.integers(30, 130, 3)]
        cv2.rectangle(
            picture, (x, y), (x + int(rng.integers(30, 160)), y + int(rng.integers(30, 160))), shade, -1
        )
    return np.asarray(picture, np.uint8)


def moved(image: Image, x: float, y: float) -> Image:
    by = np.array([[1, 0, x - 30], [0, 1, y - 20]], np.float32)
    return np.asarray(cv2.warpAffine(image, by, SIZE), np.uint8)


@cache
def tag() -> tuple[Image, Image]:
    """(400, 700) each: where the tag is, and what is written on it."""
    whole, lines = np.zeros((400, 700), np.uint8), np.zeros((400, 700), np.uint8)
    cv2.rectangle(whole, (120, 165), (600, 235), 255, -1)
    cv2.putText(lines, NAME, (140, 210), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2, cv2.LINE_AA)
    return whole, lines


def scene(place: tuple[float, float], *, still: bool) -> Image:
    """(360, 640, 3) BGR: the ward with the tag; the tag alone is moved where the camera stands still."""
    picture = moved(ward(), *((0.0, 0.0) if still else place))
    whole, lines = (moved(one, *place) for one in tag())
    picture[whole > 128] = 225
    return picture - (picture * (lines[:, :, None] / 255.0) * 0.85).astype(np.uint8)


@pytest.fixture(scope="module")
def detector() -> PpOcrText:
    return PpOcrText.load(Provider.CPU)


@pytest.mark.parametrize("still", [False, True], ids=["camera", "name tag"])
@pytest.mark.parametrize(
    "way", [swing(6, 8), swing(9, 6), swing(9, 12), swing(4, 5), swing(14, 9)], ids=["8", "6", "12", "5", "9"]
)
def test_no_stroke_is_left_of_what_moves_to_and_fro(way: Way, still: bool, detector: PpOcrText) -> None:
    def paint(frame: int) -> Image:
        return scene(way(frame), still=still)

    instructions = RedactionSpec(
        Appearance(), (), TrackingSettings(), (DetectionScale(640),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    instruments = PipelineTools(
        ScriptedDetector({}),
        BlackBoxes(),
        RawBytes(),
        2,
        box_detectors={TargetKind.TEXT: detector},
    )
    source = FakeSource("ward.mp4", FRAMES, paint)
    left = {}
    for frame in redacted_frames(source, Segment(0, FRAMES), instructions, instruments):
        strokes = moved(tag()[1], *way(frame.index)) > 96
        for box in frame.boxes:
            x1, y1, x2, y2 = box.xyxy
            strokes[y1:y2, x1:x2] = False
        if strokes.any():
            left[frame.index] = int(strokes.sum())
    assert not left
