"""A residual is followed through the frames around it, from detections that do not count by themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from framecloak.domain.anonymization.residuals.spread import follow

NOTHING = np.empty((0, 4))


def face(x: float, y: float = 50.0, side: float = 20.0) -> NDArray[np.float64]:
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])


def frames(*positions: float | None) -> list[NDArray[np.float64]]:
    return [NOTHING if x is None else face(x)[None] for x in positions]


def followed(*positions: float | None) -> list[float | None]:
    return [
        float(boxes[0, [0, 2]].mean()) if len(boxes) else None
        for boxes in follow(face(100), frames(*positions))
    ]


def test_a_moving_face_is_followed() -> None:
    assert followed(104, 109, 113) == [104, 109, 113]


def test_gaps_between_two_links_are_interpolated() -> None:
    assert followed(None, 106, None, None, 112) == [103, 106, 108, 110, 112]


def test_nothing_is_extrapolated() -> None:
    assert followed(104, None, None) == [104, None, None]
    assert followed(None, None) == [None, None]


@pytest.mark.parametrize("x", [70.0, 112.0])
def test_a_face_that_is_too_far_away_is_another_one(x: float) -> None:
    assert followed(x) == [None]


def test_the_way_may_grow_with_the_gap_only_so_far() -> None:
    assert followed(None, 119)[1] == 119
    assert followed(None, None, 129)[2] == 129
    assert followed(*[None] * 8, 131)[8] is None


def test_a_face_of_another_size_is_another_one() -> None:
    for side, matches in ((30.0, True), (40.0, False), (13.0, True), (10.0, False)):
        (boxes,) = follow(face(100), [face(100, side=side)[None]])
        assert (len(boxes) == 1) is matches


def test_the_nearest_candidate_is_taken() -> None:
    (boxes,) = follow(face(100), [np.stack([face(106), face(98), face(107)])])
    assert boxes.tolist() == [face(98).tolist()]


@given(st.lists(st.lists(st.integers(0, 200), max_size=4), max_size=12))
def test_every_box_lies_between_two_links(positions: list[list[int]]) -> None:
    candidates = [np.array([face(x) for x in row]).reshape(-1, 4) for row in positions]
    boxes = follow(face(100), candidates)
    assert len(boxes) == len(candidates)
    path = [(0, 100.0)] + [
        (at + 1, float(found[0, [0, 2]].mean()))
        for at, (found, around) in enumerate(zip(boxes, candidates, strict=True))
        if len(found) and (np.abs(around - found[0]) < 1e-9).all(axis=1).any()
    ]
    for (start, left), (stop, right) in pairwise(path):
        for at in range(start + 1, stop):
            low, high = sorted((left, right))
            assert low - 1e-6 <= float(boxes[at - 1][0, [0, 2]].mean()) <= high + 1e-6
    assert not any(len(found) for found in boxes[path[-1][0] :])
