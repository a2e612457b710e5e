"""Frames around a residual are searched and covered before any of them is delivered."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fakes.media import FakeSampler
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.residuals import PendingCheck, SearchScope
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.residuals.detector import ResidualDetector
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.residuals.neighbourhood import REACH, Neighbourhood
from support.samples.scripted_video import (
    HEIGHT,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    RawReader,
    ScriptedResidualDetector,
)

FILL = (184, 114, 248, 178)
"""What is filled around a residual: the block at (200, 130) and half its size on each side."""


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def frame(index: int, *, blanked: bool = False) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), 0 if blanked else index, np.uint8)
    # The scripted detector tells redacted frames by their black corner.
    image[:8, :8] = 0
    pending = (
        PendingCheck(SearchScope(), (WIDTH, HEIGHT), (WIDTH, HEIGHT), ())
        if index % 10 == 0 and not blanked
        else None
    )
    return RedactedFrame(index, image.tobytes(), (), blanked=blanked, pending=pending)


def delivered(
    detector: ScriptedResidualDetector,
    pool: ThreadPoolExecutor,
    frames: range = range(5, 60),
    blanked: frozenset[int] = frozenset(),
) -> dict[int, RedactedFrame]:
    """Check frames one by one and together; return those that are delivered, by their indices."""
    search = ResidualDetector(detector, FakeSampler(), None, (DetectionScale(WIDTH),), 0.5)
    guard = ResidualGuard(search, RawReader(), BlackBoxRedactor(), RawEncoder(), Appearance(), threads=1)
    neighbourhood = Neighbourhood(guard, pool, (WIDTH, HEIGHT))
    result: list[RedactedFrame] = []
    for index in frames:
        result += neighbourhood.add(guard.check_image(frame(index, blanked=index in blanked)))
        assert len(result) == max(0, index - frames.start - REACH + 1)
    result += neighbourhood.rest()
    assert [each.index for each in result] == list(frames)
    return {each.index: each for each in result}


def filled(frames: dict[int, RedactedFrame]) -> list[int]:
    for each in frames.values():
        assert all(box.xyxy == FILL for box in each.boxes if box.origin is Origin.RESIDUAL)
        shown = np.frombuffer(each.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
        x1, y1, x2, y2 = FILL
        assert shown[y1:y2, x1:x2].any() == (not each.boxes and not each.blanked)
    return [index for index, each in frames.items() if each.boxes]


def test_weak_neighbours_of_a_residual_are_covered(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, residual_in=frozenset({30}), weak_in=frozenset(range(21, 60)))
    frames = delivered(detector, pool)
    assert filled(frames) == list(range(21, 41))
    for index in range(20, 41):
        check = frames[index].check
        assert check is not None
        assert (check.whole, check.before, check.after) == (True, int(index > 20), 0)
    assert frames[41].check is None


def test_without_a_residual_weak_detections_do_not_count(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, weak_in=frozenset(range(60)))
    frames = delivered(detector, pool)
    assert filled(frames) == []
    assert [index for index, each in frames.items() if each.check] == [10, 20, 30, 40, 50]


def test_what_lies_between_two_links_is_covered_too(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, residual_in=frozenset({30}), weak_in=frozenset({26, 33}))
    assert filled(delivered(detector, pool)) == list(range(26, 34))


def test_residuals_of_two_sampled_frames_close_the_gap(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, residual_in=frozenset({30, 40}))
    assert filled(delivered(detector, pool)) == list(range(30, 41))


def test_a_confident_face_in_a_searched_neighbour_is_covered(pool: ThreadPoolExecutor) -> None:
    """It is too far from the residual to be the same face."""
    detector = ScriptedResidualDetector(
        {}, residual_in=frozenset({30, 34}), residual_at=((200, 130), (20, 130))
    )
    frames = delivered(detector, pool)
    assert {index: len(each.boxes) for index, each in frames.items() if each.boxes} == dict.fromkeys(
        range(30, 35), 2
    )


def test_a_neighbour_that_cannot_be_searched_is_black(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, residual_in=frozenset({30}), unsearchable_in=frozenset({33, 45}))
    frames = delivered(detector, pool)
    assert [index for index, each in frames.items() if each.blanked] == [33]
    assert not any(frames[33].data)
    check = frames[33].check
    assert check is not None
    assert check.failed


def test_black_frames_stay_as_they_are(pool: ThreadPoolExecutor) -> None:
    detector = ScriptedResidualDetector({}, residual_in=frozenset({30}), weak_in=frozenset(range(25, 36)))
    frames = delivered(detector, pool, blanked=frozenset({28}))
    assert (frames[28].blanked, frames[28].check, frames[28].boxes) == (True, None, ())
    assert [index for index, each in frames.items() if each.boxes] == [
        index for index in range(25, 36) if index != 28
    ]


@pytest.mark.parametrize("first", [11, 20, 25])
def test_frames_more_than_the_reach_inside_do_not_depend_on_the_ends(
    pool: ThreadPoolExecutor, first: int
) -> None:
    detector = ScriptedResidualDetector(
        {}, residual_in=frozenset({20, 30, 40, 43}), weak_in=frozenset({15, 18, 22, 29, 33, 38, 41, 45, 49})
    )
    whole = delivered(detector, pool)
    part = delivered(detector, pool, range(first, first + 30))
    for index in range(first + REACH, first + 30 - REACH):
        assert part[index] == whole[index]
