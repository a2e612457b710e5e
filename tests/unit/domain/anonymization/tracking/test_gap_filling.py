"""Boxes beyond the detections of a track: extrapolated with its motion, or where its head was located."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.anonymization.tracking.following import FollowedHead
from framecloak.domain.anonymization.tracking.gap_filling import (
    SLOWEST_SHARE,
    Trajectory,
    widen_narrow,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings

BARE = TrackingSettings(margin=0.0, smoothing=0, widen=False)
LENGTH = 40


def box_at(x: float, y: float = 100.0, side: float = 20.0) -> np.ndarray:
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])


def boxes_of(
    centres: Mapping[int, float],
    head: FollowedHead,
    tracking: TrackingSettings = BARE,
    shots: np.ndarray | None = None,
) -> dict[int, TrackedBox]:
    """Return the boxes of a track by frame, given the centre x of its detections."""
    frames = np.array(list(centres), np.intp)
    trajectory = Trajectory(
        frames,
        np.array([box_at(x) for x in centres.values()]),
        np.full(len(frames), 0.9),
        np.zeros(len(frames), np.intp),
        np.zeros(len(frames), bool),
        [()] * len(frames),
    )
    numbers = np.zeros(LENGTH, np.intp) if shots is None else shots
    return dict(trajectory.boxes_per_frame(0, numbers, tracking, head))


def unfollowed(start: int, stop: int) -> FollowedHead:
    return FollowedHead({}, start, stop)


def walking(speed: float) -> dict[int, float]:
    return {index: 200 + speed * (index - 15) for index in range(10, 21)}


@given(st.floats(-20.0, 20.0), st.integers(1, 6))
def test_an_extended_box_encloses_its_motion_from_half_to_full_speed(speed: float, beyond: int) -> None:
    boxes = boxes_of(walking(speed), unfollowed(10 - beyond, 21 + beyond))
    assert set(boxes) == set(range(10 - beyond, 21 + beyond))
    for index in (10 - beyond, 20 + beyond):
        edge = 10 if index < 10 else 20
        start, moved = 200 + speed * (edge - 15), speed * (index - edge)
        expected = [box_at(start + share * moved) for share in (SLOWEST_SHARE, 1.0)]
        low, high = np.minimum(*expected)[:2], np.maximum(*expected)[2:]
        assert boxes[index].xyxy == pytest.approx([*low, *high], abs=1e-6)
        assert boxes[index].origin is Origin.EXTENDED


def test_a_box_of_one_detection_stays() -> None:
    boxes = boxes_of({15: 200.0}, unfollowed(12, 19))
    assert {tuple(box.xyxy) for box in boxes.values()} == {tuple(box_at(200.0).tolist())}


def test_the_motion_since_the_detection_before_counts_if_that_is_older() -> None:
    boxes = boxes_of({10: 200.0, 20: 250.0}, unfollowed(10, 23))
    low, high = box_at(250 + SLOWEST_SHARE * 2 * 5), box_at(250 + 2 * 5)
    assert boxes[22].xyxy == pytest.approx([*low[:2], *high[2:]])


def test_the_box_of_a_followed_head_is_where_the_head_is() -> None:
    located = {index: box_at(200.0 + 30 * (index - 20), side=24.0) for index in (21, 22, 23)}
    located |= {index: box_at(150.0, side=26.0) for index in (9, 8)}
    boxes = boxes_of(walking(1.0), FollowedHead(located, 6, 26))
    assert set(boxes) == set(range(6, 26))
    for index, box in located.items():
        assert boxes[index].xyxy == pytest.approx(box)
        assert boxes[index].origin is Origin.FOLLOWED
    # Out of sight it stays where it was located last.
    for index, last in ((24, 23), (25, 23), (7, 8), (6, 8)):
        assert boxes[index].xyxy == pytest.approx(located[last])
        assert boxes[index].origin is Origin.EXTENDED
    assert {boxes[index].origin for index in range(10, 21)} == {Origin.DETECTED}


def test_one_end_may_be_followed_and_the_other_extended() -> None:
    boxes = boxes_of(walking(2.0), FollowedHead({21: box_at(500.0)}, 8, 23))
    assert boxes[22].xyxy == pytest.approx(box_at(500.0))
    assert boxes[9].origin is Origin.EXTENDED
    assert boxes[9].xyxy[2] == pytest.approx(box_at(190.0 - SLOWEST_SHARE * 2)[2])


def test_no_box_crosses_a_cut() -> None:
    shots = np.array([0] * 9 + [1] * 13 + [2] * 18)
    located = {index: box_at(200.0) for index in (7, 8, 9, 21, 22, 23)}
    boxes = boxes_of(walking(0.0), FollowedHead(located, 5, 26), shots=shots)
    assert set(boxes) == set(range(9, 22))


@given(st.floats(1.0, 100.0), st.floats(1.0, 100.0), st.sampled_from([1.0, 24 / 11, 0.5]))
def test_narrow_boxes_are_widened_around_their_centre_and_never_shrunk(
    width: float, height: float, pixel_aspect: float
) -> None:
    box = np.array([[50.0, 60.0, 50.0 + width / pixel_aspect, 60.0 + height]])
    (wide,) = widen_narrow(box, pixel_aspect)
    assert (wide[:2] <= box[0, :2]).all()
    assert (wide[2:] >= box[0, 2:]).all()
    assert wide[:2] + wide[2:] == pytest.approx(box[0, :2] + box[0, 2:])
    extents = (wide[2:] - wide[:2]) * [pixel_aspect, 1.0]
    assert extents.max() == pytest.approx(max(width, height))
    ratio = min(width, height) / max(width, height)
    if ratio >= 0.69:
        assert extents == pytest.approx([width, height])
    if ratio <= 0.47:
        assert extents == pytest.approx([max(width, height)] * 2)
