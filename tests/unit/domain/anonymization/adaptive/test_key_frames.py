"""Whole looks: at fast cameras, cuts, changing light and single surprising frames."""

from __future__ import annotations

from support.samples.adaptive_detection import BLOCK, KEY, LENGTH, Detected, person
from support.samples.turning_people import World

INNER = {index for index in range(1, LENGTH) if index % BLOCK}


def test_every_frame_is_looked_at_while_the_camera_moves_fast() -> None:
    result = Detected(World(LENGTH, (person(0.95),), bright=frozenset(range(9, 20, 2))))
    # The changes from 8 to 9 up to 19 to 20.
    assert set(result.looked_in) == {*range(9, 21), *(index for index in INNER if index % KEY == 0)}
    assert not set(result.interpolated) & set(range(9, 21))


def test_every_frame_is_looked_at_in_strobe_light() -> None:
    result = Detected(World(LENGTH, (person(0.95),), cuts=frozenset(range(1, LENGTH))))
    assert set(result.looked_in) >= INNER
    assert result.scores == [[0.95]] * LENGTH


def test_a_person_in_one_of_many_short_shots_is_found_in_all_its_frames() -> None:
    for start in range(3, 21, 3):
        for direction in (0, 90, 135):
            turned = person(0.95, direction=direction, frames=range(start, start + 3))
            result = Detected(World(LENGTH, (turned,), cuts=frozenset(range(3, LENGTH, 3))))
            assert result.found == [start, start + 1, start + 2]


def test_a_person_in_a_shot_of_one_frame_is_found() -> None:
    for start in range(1, 8):
        flash = person(0.95, frames=range(start, start + 1))
        assert Detected(World(LENGTH, (flash,), cuts=frozenset({start, start + 1}))).found == [start]


def test_the_most_surprising_frame_between_two_looks_gets_one_of_its_own() -> None:
    comes = person(0.95, frames=range(5, 8))
    result = Detected(World(LENGTH, (comes,)))
    between = set(result.looked_in) & {5, 6, 7}
    assert len(between) == 1
    assert result.found == [5, 6, 7]
