"""Faces from one block boundary to the next, on a video of turned and weak faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from framecloak.domain.anonymization.adaptive.opinions import OPINIONS_PER_FACE
from framecloak.domain.anonymization.detection.faces import directions_of
from framecloak.domain.anonymization.detection.scales import DIAGONALS, QUARTER_TURNS
from support.samples.adaptive_detection import (
    ACCEPT,
    BLOCK,
    KEY,
    LENGTH,
    THRESHOLD,
    Detected,
    person,
    scores_at,
)
from support.samples.turning_people import LANE, World

OTHERS = {*QUARTER_TURNS, *DIAGONALS}
KEY_FRAMES = [index for index in range(0, LENGTH, KEY) if index % BLOCK]
BETWEEN = [index for index in range(LENGTH) if index % KEY]


def test_upright_people_cost_no_look_between_key_frames() -> None:
    result = Detected(World(LENGTH, (person(0.95),)))
    assert result.looked_in == {index: {0, *QUARTER_TURNS} for index in KEY_FRAMES}
    assert (result.regions, result.asked) == ([], [])
    assert result.scores == [[0.95]] * LENGTH
    assert result.interpolated == BETWEEN


@pytest.mark.parametrize("direction", [45, 90, 135, 180, 225, 270, 315])
def test_turned_people_are_found_in_every_frame(direction: int) -> None:
    result = Detected(World(LENGTH, (person(0.95, direction=direction),)))
    assert all(direction in result.looked_in[index] for index in KEY_FRAMES)
    assert set(result.looked_in) <= set(range(0, LENGTH, KEY))
    assert result.scores == [[0.95]] * LENGTH
    for analysis in result.analyses:
        assert analysis.faces is not None
        assert directions_of(analysis.faces).tolist() == [direction]
        assert analysis.faces.boxes[0] == pytest.approx([62.0, 38.0, 82.0, 58.0], abs=0.01)


def test_diagonals_are_looked_in_only_while_people_are_found_there() -> None:
    def looked_in(**script: object) -> set[int]:
        result = Detected(World(LENGTH, (person(0.95, direction=45, **script),)))  # type: ignore[arg-type]
        return {index for index, directions in result.looked_in.items() if 45 in directions}

    # Where a head comes up or vanishes, the picture deviates and gets one more look.
    assert max(looked_in(frames=range(KEY))) <= BLOCK
    assert min(looked_in(frames=range(BLOCK + 1, LENGTH))) > BLOCK
    doubtful = Detected(World(LENGTH, (person(0.4, direction=45),)))
    assert not any(directions & set(DIAGONALS) for directions in doubtful.looked_in.values())


def test_both_sides_of_a_cut_are_looked_at_and_the_second_one_in_all_directions() -> None:
    result = Detected(World(LENGTH, (person(0.95),), cuts=frozenset({2, 7})))
    assert result.looked_in[1] == result.looked_in[6] == {0}
    assert result.looked_in[2] == result.looked_in[7] == {0} | OTHERS
    assert set(result.looked_in) == {1, 2, 6, 7, *KEY_FRAMES}


def test_a_shot_that_starts_behind_a_lost_frame_is_noticed() -> None:
    result = Detected(World(LENGTH, (person(0.95),), cuts=frozenset({2}), lost=frozenset({1})))
    assert result.looked_in[2] == {0} | OTHERS


def test_a_turned_person_in_a_new_shot_is_found_from_its_first_frame() -> None:
    turned = person(0.95, direction=270, frames=range(2, 4))
    assert Detected(World(LENGTH, (turned,), cuts=frozenset({2, 4}))).found == [2, 3]


def test_a_weak_face_is_examined_in_its_best_frames() -> None:
    scores = scores_at({8: 0.4, 12: 0.25, 16: 0.29}, otherwise=0.2)
    result = Detected(World(LENGTH, (person(scores),)))
    asked = {index for index in result.asked if 0 < index <= BLOCK}
    assert asked == {8, 12, 16}
    assert len(asked) == OPINIONS_PER_FACE
    assert [result.scores[index] for index in (4, 8, 12)] == [[0.2], [0.4], [0.25]]


def test_if_the_best_of_several_weak_detections_shows_nothing_the_others_are_not_examined() -> None:
    scores = scores_at({8: 0.4, 12: 0.25, 16: 0.29}, otherwise=0.2)
    result = Detected(World(LENGTH, (person(scores, opinion=0.0),)))
    assert {index for index in result.asked if 0 < index <= BLOCK} == {8}


def test_a_weak_face_elsewhere_is_examined_all_the_same() -> None:
    people = person(scores_at({8: 0.4}, otherwise=0.2), opinion=0.0), person(0.3, opinion=0.9, lane=3)
    result = Detected(World(LENGTH, people))
    assert {lane for index, lane in result.crops if 0 < index <= BLOCK} == {1, 3}
    confirmed = {index for index, scores in enumerate(result.scores) if scores and 0.9 in scores}
    assert {index for index, lane in result.crops if lane == 3 and 0 < index <= BLOCK} <= confirmed


def test_each_of_several_weak_faces_is_examined() -> None:
    result = Detected(World(LENGTH, tuple(person(0.2 + lane / 100, lane=lane) for lane in range(4))))
    for lane in range(4):
        asked = {index for index, shown in result.crops if shown == lane and 0 < index <= BLOCK}
        assert len(asked) == OPINIONS_PER_FACE


def test_interpolated_faces_are_not_examined() -> None:
    result = Detected(World(LENGTH, (person(0.2), person(0.6, lane=2))))
    assert not set(result.asked) & set(BETWEEN)


def test_a_confirmed_face_counts_by_itself() -> None:
    result = Detected(World(LENGTH, (person(scores_at({8: 0.35}), opinion=0.46),)))
    assert (result.found, result.scores[8]) == ([8], [ACCEPT])


def test_next_to_a_sure_face_of_the_same_person_nothing_is_asked() -> None:
    result = Detected(World(LENGTH, (person(scores_at({8: 0.95}, otherwise=0.2)),)))
    assert [index for index in result.asked if 0 < index <= BLOCK] == []


def test_a_refuted_face_falls_to_the_threshold() -> None:
    scores = scores_at({8: 0.6})
    assert Detected(World(LENGTH, (person(scores, opinion=0.0),))).scores[8] == [THRESHOLD]
    assert Detected(World(LENGTH, (person(scores, opinion=0.2),))).scores[8] == [0.6]
    strong = Detected(World(LENGTH, (person(scores_at({8: 0.6, 12: 0.95}), opinion=0.0),)))
    assert (strong.scores[8], strong.scores[12], strong.asked) == ([0.6], [0.95], [])


@pytest.mark.parametrize(("opinion", "score"), [(0.35, THRESHOLD), (0.45, 0.6), (0.7, 0.6)])
def test_a_turned_face_is_refuted_unless_a_closer_look_confirms_it(opinion: float, score: float) -> None:
    scores = scores_at({8: 0.6})
    assert Detected(World(LENGTH, (person(scores, opinion, direction=90),))).scores[8] == [score]


@pytest.mark.parametrize("score", [0.2, 0.6])
def test_a_frame_in_whose_crops_the_detector_fails_counts_as_not_analysed(score: float) -> None:
    world = World(LENGTH, (person(scores_at({8: score})),), broken_crops=frozenset({8}))
    result = Detected(world)
    assert result.failed == [8]
    # The whole interval on either side is looked at instead.
    assert set(range(5, 12)) - {8} <= set(result.looked_in)


def test_a_frame_in_whose_region_the_detector_fails_counts_as_not_analysed() -> None:
    scores = scores_at(dict.fromkeys(range(7, 12), 0.95))
    world = World(LENGTH, (person(scores),), broken_regions=frozenset({6}))
    result = Detected(world)
    assert result.failed == [6]
    assert {5, 7} <= set(result.looked_in)
    assert 7 in result.found


@pytest.mark.parametrize("lost", [frozenset({3}), frozenset({4}), frozenset({0, 3, BLOCK})])
def test_frames_that_were_not_analysed_stay_so_and_all_around_them_is_looked_at(lost: frozenset[int]) -> None:
    result = Detected(World(LENGTH, (person(0.95, direction=90), person(0.95, lane=3)), lost=lost))
    assert result.failed == sorted(lost)
    for index in lost:
        interval = range(max(0, (index - 1) // KEY * KEY), min(LENGTH, (index // KEY + 1) * KEY))
        assert set(interval) - lost - {0, BLOCK} <= set(result.looked_in)
        assert not set(interval) & set(result.interpolated)
    assert all(len(scores) == 2 for scores in result.scores if scores is not None)


def test_a_boundary_keeps_its_first_look_even_if_the_closer_one_fails() -> None:
    for broken in (frozenset[int](), frozenset({BLOCK})):
        people = (person(scores_at({BLOCK: 0.2}), opinion=0.7),)
        result = Detected(World(LENGTH, people, broken_crops=broken))
        boundary, first = result.analyses[BLOCK], result.first[BLOCK]
        assert boundary.first_look is first.faces
        assert boundary.luma_grid is first.luma_grid
        assert (boundary.faces is None) == bool(broken)
        others = [analysis for analysis in result.analyses if analysis.index % BLOCK]
        assert all(analysis.first_look is None for analysis in others)


def test_detection_can_be_repeated() -> None:
    people = person(0.6, direction=90), person(0.2, 0.7, lane=2), person(0.95, lane=3, speed=1.0, start=20.0)
    world = World(LENGTH, people, cuts=frozenset({6}))
    first, again = Detected(world), Detected(replace(world))
    assert first.scores == again.scores
    for index in range(LENGTH):
        assert np.array_equal(first.boxes(index), again.boxes(index))


def test_a_proposal_counts_if_a_closer_look_confirms_it() -> None:
    def found(opinion: float) -> list[int]:
        proposed = World(LENGTH, (person(scores_at({8: 0.6, 9: 0.6}), opinion),))
        return Detected(World(LENGTH, (person(0.0, opinion),)), proposed).found

    assert found(0.9) == [8]
    assert found(0.4) == []


def test_a_large_proposal_does_not_count() -> None:
    large = replace(person(0.9, opinion=0.9), size=32)
    assert Detected(World(LENGTH, (person(0.0, opinion=0.9),)), World(LENGTH, (large,))).found == []


def test_a_face_that_appears_between_two_looks_is_found_by_the_scout() -> None:
    world = World(LENGTH, (person(scores_at({5: 0.95, 6: 0.95, 7: 0.95})),))
    assert Detected(world).found == []
    result = Detected(world, world)
    assert (result.found, result.regions) == ([6], [6])
    assert result.boxes(6)[0] == pytest.approx([1.5 * LANE - 10, 38.0, 1.5 * LANE + 10, 58.0], abs=0.01)


def test_the_scout_alone_finds_nothing() -> None:
    world = World(LENGTH, (person(scores_at({5: 0.95, 6: 0.95, 7: 0.95})),))
    result = Detected(World(LENGTH, (person(0.0),)), world)
    assert (result.found, result.regions) == ([], [6])
