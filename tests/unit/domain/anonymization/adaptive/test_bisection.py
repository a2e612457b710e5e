"""Bisection between looks that do not agree."""

from __future__ import annotations

import numpy as np
import pytest

from support.samples.adaptive_detection import BLOCK, KEY, LENGTH, Detected, person, scores_at
from support.samples.turning_people import World

FIRST_BLOCK = range(1, BLOCK + 1)


def regions(result: Detected) -> set[int]:
    return {index for index in result.regions if index in FIRST_BLOCK}


def test_where_looks_agree_nothing_is_looked_at() -> None:
    # 4 of 20 pixels from look to look: an IoU of two thirds.
    moving = person(0.4, speed=1.0, start=24.0)
    assert regions(Detected(World(LENGTH, (moving,)))) == set()


def test_bisection_stops_where_looks_agree() -> None:
    # 8 pixels from one key frame to the next do not agree, 4 do.
    moving = person(0.4, speed=2.0, start=24.0, frames=range(BLOCK + 1))
    result = Detected(World(LENGTH, (moving,)))
    middles = {index + KEY // 2 for index in range(0, BLOCK, KEY)}
    assert regions(result) == middles
    assert result.found == list(range(BLOCK + 1))
    for index in range(BLOCK + 1):
        centre = np.array(moving.position(index))
        expected = np.concatenate([centre - 10, centre + 10])
        assert result.boxes(index)[0] == pytest.approx(expected, abs=0.3)


def test_looks_that_never_agree_are_bisected_up_to_neighbouring_frames() -> None:
    scores = scores_at(dict.fromkeys(range(7, 12), 0.95))
    result = Detected(World(LENGTH, (person(scores),)))
    # 4 | 6 | 7 | 8 and 8 | 12, where 10 agrees with 8, and 11 with 10.
    assert regions(result) == {6, 7, 10, 11}
    assert result.found == [7, 8, 9, 10, 11]
    assert result.interpolated == [9]


@pytest.mark.parametrize(
    ("score", "direction", "is_open"), [(0.25, 0, False), (0.4, 0, True), (0.4, 90, False)]
)
def test_only_faces_that_are_likely_enough_are_looked_into(
    score: float, direction: int, is_open: bool
) -> None:
    result = Detected(World(LENGTH, (person(scores_at({8: score}), direction=direction),)))
    assert regions(result) == ({6, 7, 9, 10} if is_open else set())


def test_the_scores_of_interpolated_faces_are_the_lower_ones() -> None:
    result = Detected(World(LENGTH, (person(scores_at({4: 0.9, 8: 0.7, 12: 0.95})),)))
    expected = [[0.9], [0.7], [0.7], [0.7], [0.7], [0.7], [0.7], [0.7], [0.95]]
    assert result.scores[4:13] == expected


def test_a_sure_face_that_moves_is_followed_by_its_pixels() -> None:
    moving = person(0.95, speed=2.0, start=24.0, frames=range(BLOCK + 1))
    result = Detected(World(LENGTH, (moving,)))
    assert regions(result) == set()
    assert result.found == list(range(BLOCK + 1))
    for index in range(BLOCK + 1):
        centre = np.array(moving.position(index))
        expected = np.concatenate([centre - 10, centre + 10])
        assert result.boxes(index)[0] == pytest.approx(expected, abs=1.0)
