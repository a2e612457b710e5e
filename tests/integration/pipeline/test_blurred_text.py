"""Text in videos of a low bit rate, which encoders blur, with the real models."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakes.media import FakeSampler
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.reading.pp_ocr import PpOcrReader
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text_and_plates import VIDEO_TEXT_AND_PLATES
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.text_policy import TextMode, TextPolicyOptions
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.text_policy.line_reading import LineReader
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.model.segments import Segment
from support.samples.media import write_video
from support.samples.scripted_video import BlackBoxRedactor, RawEncoder, ScriptedDetector

SIZE = 640, 360
LENGTH = 25
MEASUREMENT, NAME = "Depth 12.5 cm", "Bergmann, Anna"
CORNER, SCALE, THICKNESS = (60, 180), 0.8, 2
BLURRED = {"crf": "42", "preset": "veryfast"}
"""Options of the encoder under which it draws lines late, and blurs them."""


@cache
def ground() -> Image:
    """Return a background (400, 800, 3) BGR of soft patches, which moves under the text."""
    coarse = np.random.default_rng(5).integers(30, 120, (20, 40, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (800, 400), interpolation=cv2.INTER_CUBIC), np.uint8)


def screen(frame: int, text: str) -> Image:
    """Draw a frame (360, 640, 3) BGR with a line of text."""
    image: Image = ground()[:360, 4 * frame : 4 * frame + 640].copy()
    cv2.putText(image, text, CORNER, cv2.FONT_HERSHEY_SIMPLEX, SCALE, (240,) * 3, THICKNESS, cv2.LINE_AA)
    return image


def letters(text: str) -> tuple[slice, slice]:
    """Return the rows and columns of the letters of a line."""
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, SCALE, THICKNESS)
    x, y = CORNER
    return slice(y - height, y), slice(x, x + width)


@cache
def tools() -> PipelineTools:
    policy = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), NameIndex([NAME]))
    return PipelineTools(
        ScriptedDetector({}),
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        box_detectors={TargetKind.TEXT: PpOcrText.load(Provider.CPU)},
        line_reader=LineReader(PpOcrReader.load(Provider.CPU), policy),
    )


def covered_shares(texts: list[str]) -> list[float]:
    """Return how much of the letters of the line of each frame is covered, in a blurred video."""
    spec = RedactionSpec(
        Appearance(), (), TrackingSettings(), (DetectionScale(640),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    frames: list[RedactedFrame] = []
    with tempfile.TemporaryDirectory() as folder:
        images = (screen(index, text) for index, text in enumerate(texts))
        path = write_video(Path(folder) / "blurred.mp4", size=SIZE, options=BLURRED, images=images)
        frames.extend(redacted_frames(open_video(path), Segment(0, len(texts)), spec, tools()))
    shares = []
    for frame, text in zip(frames, texts, strict=True):
        mask = np.zeros(SIZE[::-1], np.bool_)
        for x1, y1, x2, y2 in (box.xyxy for box in frame.boxes):
            mask[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = True
        shares.append(float(mask[letters(text)].mean()))
    return shares


def test_a_blurred_measurement_stays() -> None:
    assert max(covered_shares([MEASUREMENT] * LENGTH)) < 0.05


@settings(max_examples=max(2, settings.default.max_examples // 10))
@given(st.integers(0, LENGTH - 1), st.sampled_from([1, 2, 3]))
@example(VIDEO_TEXT_AND_PLATES.every + 1, 3)
@example(2 * VIDEO_TEXT_AND_PLATES.every - 1, 3)
@example(VIDEO_TEXT_AND_PLATES.every, 1)
def test_a_name_that_takes_the_place_of_a_measurement_is_covered(start: int, length: int) -> None:
    shown = range(start, min(LENGTH, start + length))
    shares = covered_shares([NAME if index in shown else MEASUREMENT for index in range(LENGTH)])
    assert [index for index in shown if shares[index] < 0.99] == []
