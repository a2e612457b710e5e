"""Face samples: the faces of a frame that can be recognised, and their quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.recognition import FakeFaceRecognizer, FakeImageFrame
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.detection.directions import rotation
from framecloak.domain.anonymization.detection.display_shape import ReshapedFrame
from framecloak.domain.anonymization.identification.face_samples import (
    MIN_FACE_SIDE_PX,
    SamplingPlan,
    collect_samples,
)
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging.detections import FloatArray, Image
from support.samples.scripted_video import ScriptedFrame

NOISE = np.random.default_rng(1).integers(0, 256, (200, 300, 3)).astype(np.uint8)
WAVES = np.sin(np.arange(300) / 10)
SMEAR = np.repeat((127 + 120 * np.outer(WAVES[:200], WAVES))[:, :, None], 3, axis=2).astype(np.uint8)
TURNED = np.array([[0.55, 0.4], [0.75, 0.4], [0.85, 0.6], [0.55, 0.8], [0.7, 0.8]], np.float32)


def detections(
    *boxes: tuple[float, float, float], score: float = 0.9, shape: FloatArray = LANDMARKS
) -> FrameDetections:
    """Return faces given by their corner and size."""
    table = np.array(boxes, float).reshape(-1, 3)
    corners, sizes = table[:, :2], table[:, 2:]
    landmarks = corners[:, None] + sizes[:, None] * shape
    return FrameDetections(
        np.hstack([corners, corners + sizes]), np.full(len(table), score), landmarks.astype(np.float32)
    )


def sample_scores(image: Image, faces: FrameDetections) -> dict[int, float]:
    samples = collect_samples(FakeImageFrame(image), faces, FakeFaceRecognizer())
    return {row: sample.quality_score for row, sample in samples.items()}


def test_samples_are_keyed_by_the_row_of_the_face() -> None:
    scores = sample_scores(NOISE, detections((10, 10, 60), (100, 10, MIN_FACE_SIDE_PX - 1), (150, 10, 120)))
    assert set(scores) == {0, 2}
    assert scores[0] < scores[2]


def test_faces_are_sampled_in_the_shape_in_which_they_are_displayed() -> None:
    stored, displayed = NOISE[:, ::2], NOISE[:, ::2].repeat(2, axis=1)
    faces = detections((20, 20, 120))
    assert faces.landmarks is not None
    squeezed = replace(
        faces, boxes=faces.boxes / [2, 1, 2, 1], landmarks=faces.landmarks / np.float32([2, 1])
    )
    recognizer = FakeFaceRecognizer()
    wide = collect_samples(FakeImageFrame(displayed), faces, recognizer)
    narrow = collect_samples(ReshapedFrame(FakeImageFrame(stored), (300, 200)), squeezed, recognizer)
    assert wide.keys() == narrow.keys() == {0}
    assert np.array_equal(wide[0].chip, narrow[0].chip)
    assert wide[0].quality_score == pytest.approx(narrow[0].quality_score)


@pytest.mark.parametrize(
    ("image", "faces"),
    [
        (NOISE, detections((10, 10, MIN_FACE_SIDE_PX - 1))),
        (NOISE, detections((10, 10, 60), score=0.4)),
        (NOISE, detections((10, 10, 60), shape=TURNED)),
        (SMEAR, detections((10, 10, 60))),
        (NOISE, detections()),
        (NOISE, FrameDetections(np.array([[10.0, 10, 70, 70]]), np.array([0.9]))),
    ],
    ids=["small", "unsure", "turned", "blurred", "none", "without landmarks"],
)
def test_unsuitable_faces_give_no_sample(image: Image, faces: FrameDetections) -> None:
    assert sample_scores(image, faces) == {}


@pytest.mark.parametrize("direction", range(0, 360, 45))
def test_turned_faces_are_sampled_if_they_were_detected_in_that_direction(direction: int) -> None:
    upright = detections((70, 40, 120))
    assert upright.landmarks is not None
    middle = np.array([130.0, 100.0])
    landmarks = (upright.landmarks - middle) @ rotation(-direction).T + middle
    turned = replace(upright, landmarks=landmarks.astype(np.float32), directions=np.array([direction]))
    assert sample_scores(NOISE, turned).keys() == {0}
    opposite = replace(turned, directions=np.array([(direction + 180) % 360]))
    assert sample_scores(NOISE, opposite) == {}


def test_a_lost_frame_gives_no_sample() -> None:
    assert collect_samples(ScriptedFrame(3, lost=True), detections((10, 10, 60)), FakeFaceRecognizer()) == {}


@given(st.floats(1, 240))
def test_slots_follow_the_frame_rate(rate: float) -> None:
    plan = SamplingPlan.for_rate(rate)
    sampled = [index for index in range(plan.slot) if plan.is_sampled(index)]
    assert sampled[0] == 0
    assert len(sampled) >= min(plan.slot, 3)
    assert plan.reach == 4 * plan.slot
    assert 0.25 <= plan.slot / min(max(rate, 10), 60) <= 0.4
