"""Which faces of a frame can be recognised, and which view of a face is the best."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.recognition import FakeFaceRecognizer, FakeImageFrame
from fakes.vision import LANDMARKS
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


def found(
    *boxes: tuple[float, float, float], score: float = 0.9, shape: FloatArray = LANDMARKS
) -> FrameDetections:
    """Faces by their corner and size."""
    table = np.array(boxes, float).reshape(-1, 3)
    corners, sizes = table[:, :2], table[:, 2:]
    landmarks = corners[:, None] + sizes[:, None] * shape
    return FrameDetections(
        np.hstack([corners, corners + sizes]), np.full(len(table), score), landmarks.astype(np.float32)
    )


def views(image: Image, faces: FrameDetections) -> dict[int, float]:
    taken = collect_samples(FakeImageFrame(image), faces, FakeFaceRecognizer())
    return {row: view.quality_score for row, view in taken.items()}


def test_views_go_by_the_row_of_the_face() -> None:
    seen = views(NOISE, found((10, 10, 60), (100, 10, MIN_FACE_SIDE_PX - 1), (150, 10, 120)))
    assert set(seen) == {0, 2}
    assert seen[0] < seen[2]


@pytest.mark.parametrize(
    ("image", "faces"),
    [
        (NOISE, found((10, 10, MIN_FACE_SIDE_PX - 1))),
        (NOISE, found((10, 10, 60), score=0.4)),
        (NOISE, found((10, 10, 60), shape=TURNED)),
        (SMEAR, found((10, 10, 60))),
        (NOISE, found()),
        (NOISE, FrameDetections(np.array([[10.0, 10, 70, 70]]), np.array([0.9]))),
    ],
    ids=["small", "unsure", "turned", "blurred", "none", "without landmarks"],
)
def test_what_gives_no_view(image: Image, faces: FrameDetections) -> None:
    assert views(image, faces) == {}


def test_a_frame_that_was_lost_gives_no_view() -> None:
    assert collect_samples(ScriptedFrame(3, lost=True), found((10, 10, 60)), FakeFaceRecognizer()) == {}


@given(st.floats(1, 240))
def test_slots_follow_the_rate_and_stay_within_reach(rate: float) -> None:
    plan = SamplingPlan.for_rate(rate)
    looked_at = [index for index in range(plan.slot) if plan.is_sampled(index)]
    assert looked_at[0] == 0
    assert len(looked_at) >= min(plan.slot, 3)
    assert plan.reach == 4 * plan.slot
    assert 0.25 <= plan.slot / min(max(rate, 10), 60) <= 0.4
