"""Reviews from one key frame to the next, on a video of turned and weak faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fakes.media import FakeSampler
from framecloak.domain.anonymization.detection.face_review import OPINIONS_PER_FACE, FaceReview
from framecloak.domain.anonymization.detection.faces import FaceSearch, directions_of
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from support.samples.turning_people import Person, World, WorldDetector, WorldFrame

INTERVAL = 4
LENGTH = 3 * INTERVAL + 1
ACCEPT, THRESHOLD = 0.5, 0.12
OTHERS = frozenset(range(45, 360, 45))
SCALES = (
    DetectionScale(960),
    *(DetectionScale(480, every=INTERVAL, direction=direction, min_score=0.25) for direction in OTHERS),
)


def person(
    scores: Sequence[float] | float,
    opinion: float = 0.155,
    direction: int = 0,
    frames: range = range(LENGTH),
    lane: int = 1,
) -> Person:
    per_frame = tuple(scores) if isinstance(scores, Sequence) else (scores,) * LENGTH
    return Person(frames, (20.0 + 40 * lane, 48.0), 0.0, 20, direction, per_frame, (opinion,) * LENGTH)


class Reviewed:
    """Review of the frames after key frame 0 up to key frame 4, and of the four after those.

    Args:
        world: the video.

    Attributes:
        analyses: reviewed analyses by frame, from frame 0 on.
        looked_in: directions of the looks at each frame besides the first ones.
        crops: frames and lanes of the crops that were looked at.
        asked: frames of those crops.
    """

    def __init__(self, world: World) -> None:
        detector = WorldDetector(world)
        search = FaceSearch(detector, FakeSampler())
        frames = [WorldFrame(world, index) for index in range(2 * INTERVAL + 1)]
        first = [search.analyze([frame], SCALES, THRESHOLD)[0] for frame in frames]
        already = len(detector.directions)
        review = FaceReview(search, SecondOpinion(detector, None, FakeSampler()), None, ACCEPT, THRESHOLD)
        pairs = list(zip(first, frames, strict=True))
        self.first = first
        self.analyses: list[FrameAnalysis] = review.reviewed(None, pairs[:1])
        self.analyses += review.reviewed(first[0], pairs[1 : INTERVAL + 1])
        self.analyses += review.reviewed(first[INTERVAL], pairs[INTERVAL + 1 :])
        self.looked_in: dict[int, set[int]] = {}
        for index, direction in detector.directions[already:]:
            self.looked_in.setdefault(index, set()).add(direction)
        self.crops = detector.crops
        self.asked = [index for index, _ in detector.crops]

    def scores(self) -> list[list[float] | None]:
        return [
            None if analysis.faces is None else [round(score, 3) for score in analysis.faces.scores.tolist()]
            for analysis in self.analyses
        ]


def test_upright_people_cost_no_further_look() -> None:
    result = Reviewed(World(LENGTH, (person(0.95),)))
    assert (result.looked_in, result.asked) == ({}, [])
    assert result.scores() == [[0.95]] * 9


@pytest.mark.parametrize("direction", [90, 180, 270])
def test_turned_people_are_looked_for_in_every_frame_up_to_the_next_key_frame(direction: int) -> None:
    result = Reviewed(World(LENGTH, (person(0.95, direction=direction),)))
    assert result.looked_in == {index: {direction} for index in range(9)}
    assert result.scores() == [[0.95]] * 9
    for analysis in result.analyses:
        assert analysis.faces is not None
        assert directions_of(analysis.faces).tolist() == [direction]
        assert analysis.faces.boxes[0] == pytest.approx([50.0, 38.0, 70.0, 58.0], abs=0.01)


def test_diagonally_turned_people_are_looked_for_in_every_other_frame() -> None:
    result = Reviewed(World(LENGTH, (person(0.95, direction=135),)))
    assert result.looked_in == {index: {135} for index in range(0, 9, 2)}


def test_a_direction_is_looked_in_only_while_somebody_is_found_there() -> None:
    leaves = Reviewed(World(LENGTH, (person(0.95, direction=90, frames=range(INTERVAL)),)))
    assert set(leaves.looked_in) == set(range(INTERVAL + 1))
    comes = Reviewed(World(LENGTH, (person(0.95, direction=90, frames=range(INTERVAL + 1, LENGTH)),)))
    assert set(comes.looked_in) == set(range(INTERVAL + 1, 2 * INTERVAL + 1))
    doubtful = Reviewed(World(LENGTH, (person(0.4, direction=90),)))
    assert doubtful.looked_in == {}


def test_the_first_frame_of_a_shot_is_looked_at_in_all_other_directions() -> None:
    result = Reviewed(World(LENGTH, (person(0.95),), cuts=frozenset({2, 7})))
    assert result.looked_in == {2: OTHERS, 7: OTHERS}


def test_a_shot_that_starts_behind_a_lost_frame_is_noticed() -> None:
    result = Reviewed(World(LENGTH, (person(0.95),), cuts=frozenset({2}), lost=frozenset({1})))
    assert result.looked_in == {2: OTHERS}


def test_a_turned_person_in_a_new_shot_is_followed_from_its_first_frame() -> None:
    turned = person(0.95, direction=270, frames=range(2, 4))
    result = Reviewed(World(LENGTH, (turned,), cuts=frozenset({2, 4})))
    assert [len(scores or []) for scores in result.scores()] == [0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_a_weak_face_is_examined_in_its_best_frames() -> None:
    scores = [0.2] * LENGTH
    scores[2], scores[3] = 0.4, 0.3
    result = Reviewed(World(LENGTH, (person(scores),)))
    asked = [index for index in result.asked if 0 < index <= INTERVAL]
    assert set(asked) == {2, 3}
    assert len(set(asked)) == OPINIONS_PER_FACE
    assert result.scores()[1:4] == [[0.2], [0.4], [0.3]]


def test_each_of_several_weak_faces_is_examined() -> None:
    people = tuple(person(0.2 + lane / 100, lane=lane) for lane in range(4))
    result = Reviewed(World(LENGTH, people))
    for lane in range(4):
        # The key frame before counts as one of them, and was examined in its own review.
        frames = {index for index, shown in result.crops if shown == lane and index <= INTERVAL}
        assert len(frames) == OPINIONS_PER_FACE


def test_a_confirmed_face_counts_by_itself() -> None:
    scores = [0.0] * LENGTH
    scores[2] = 0.35
    result = Reviewed(World(LENGTH, (person(scores, opinion=0.46),)))
    assert result.scores()[2] == [ACCEPT]
    assert [index for index, each in enumerate(result.scores()) if each] == [2]


def test_next_to_a_sure_face_of_the_same_person_nothing_is_asked() -> None:
    scores = [0.2] * LENGTH
    scores[2] = 0.95
    result = Reviewed(World(LENGTH, (person(scores),)))
    assert [index for index in result.asked if 0 < index < INTERVAL] == []


def test_a_refuted_face_falls_to_the_threshold() -> None:
    scores = [0.0] * LENGTH
    scores[2] = 0.6
    assert Reviewed(World(LENGTH, (person(scores, opinion=0.0),))).scores()[2] == [THRESHOLD]
    assert Reviewed(World(LENGTH, (person(scores, opinion=0.2),))).scores()[2] == [0.6]
    scores[3] = 0.95
    strong = Reviewed(World(LENGTH, (person(scores, opinion=0.0),)))
    assert (strong.scores()[2:4], strong.asked) == ([[0.6], [0.95]], [])


@pytest.mark.parametrize("score", [0.2, 0.6])
def test_a_frame_in_whose_crops_the_detector_fails_counts_as_not_analysed(score: float) -> None:
    scores = [0.0] * LENGTH
    scores[2] = score
    result = Reviewed(World(LENGTH, (person(scores),), broken_crops=frozenset({2})))
    assert [index for index, each in enumerate(result.scores()) if each is None] == [2]


def test_frames_that_were_not_analysed_stay_so() -> None:
    result = Reviewed(World(LENGTH, (person(0.95, direction=90),), lost=frozenset({0, 3, INTERVAL})))
    assert [index for index, each in enumerate(result.scores()) if each is None] == [0, 3, INTERVAL]


def test_a_key_frame_keeps_its_first_look_even_if_the_closer_one_fails() -> None:
    scores = [0.0] * LENGTH
    scores[INTERVAL] = 0.2
    for broken in (frozenset[int](), frozenset({INTERVAL})):
        result = Reviewed(World(LENGTH, (person(scores, opinion=0.7),), broken_crops=broken))
        key, first = result.analyses[INTERVAL], result.first[INTERVAL]
        assert key.first_look is first.faces
        assert key.luma_grid is first.luma_grid
        assert (key.faces is None) == bool(broken)
        assert all(
            analysis.first_look is None for index, analysis in enumerate(result.analyses) if index % INTERVAL
        )


def test_a_review_can_be_repeated() -> None:
    world = World(LENGTH, (person(0.6, direction=90), person(0.2, 0.7, lane=2)), cuts=frozenset({6}))
    first, again = Reviewed(world), Reviewed(replace(world))
    assert first.scores() == again.scores()
    for one, other in zip(first.analyses, again.analyses, strict=True):
        assert one.faces is not None
        assert other.faces is not None
        assert np.array_equal(one.faces.boxes, other.faces.boxes)
