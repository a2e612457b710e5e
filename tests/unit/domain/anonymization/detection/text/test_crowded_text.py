"""Frames with very many lines: their work is bounded, and each line is covered."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.text.crowded_text import MAX_LINES, with_joined_crowds
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry

SIZE = 1920, 1080


def lines(count: int, seed: int) -> FrameDetections:
    chance = np.random.default_rng(seed)
    corners = chance.uniform((-5, -5), SIZE, (count, 2))
    boxes = np.concatenate([corners, corners + chance.uniform(4, 60, (count, 2))], axis=1)
    return FrameDetections(boxes, chance.uniform(0.3, 1, count), plate_shaped=chance.random(count) < 0.5)


@given(st.integers(0, 4 * MAX_LINES), st.integers(0, 2**32 - 1))
def test_each_line_is_in_a_box_and_there_are_only_so_many(count: int, seed: int) -> None:
    found = lines(count, seed)
    joined = with_joined_crowds(found, SIZE)
    assert len(joined.boxes) == len(joined.scores) <= MAX_LINES + 64
    assert joined.plate_shaped is not None
    assert len(joined.plate_shaped) == len(joined.boxes)
    for start in range(0, count, 500):
        inside = box_geometry.share_inside(found.boxes[start : start + 500], joined.boxes)
        assert (inside.max(axis=1) > 1 - 1e-9).all()


def test_ordinary_frames_stay_as_they_are_and_the_largest_lines_stay_apart() -> None:
    found = lines(MAX_LINES, 1)
    assert with_joined_crowds(found, SIZE) is found
    many = lines(4000, 2)
    joined = with_joined_crowds(many, SIZE)
    largest = np.sort(np.argsort(-box_geometry.area(many.boxes))[:MAX_LINES])
    np.testing.assert_array_equal(joined.boxes[:MAX_LINES], many.boxes[largest])
    np.testing.assert_array_equal(joined.scores[:MAX_LINES], many.scores[largest])
    assert joined.scores.max() == many.scores.max()
