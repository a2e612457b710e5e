"""Decisions on tracks of one line that scales detect differently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from framecloak.domain.anonymization.model.analysis import FrameAnalysis, PropagatedBoxes, ReadLine
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.text_policy import (
    LineDecision,
    TextMode,
    TextPolicyOptions,
    TextRule,
)
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox, Tracks
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.anonymization.text_policy.votes import with_text_decisions
from framecloak.domain.imaging.detections import TargetKind

NARROW, WIDE = (20.0, 30.0, 100.0, 50.0), (10.0, 28.0, 104.0, 54.0)
ELSEWHERE = (10.0, 128.0, 104.0, 154.0)
POLICY = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING))


def analysis(index: int, box: tuple[float, float, float, float], rule: TextRule) -> FrameAnalysis:
    return FrameAnalysis(
        index,
        FrameDetections.empty(),
        None,
        text_and_plates={TargetKind.TEXT: FrameDetections(np.array([box]), np.ones(1))},
        lines=[ReadLine(LineDecision(rule), np.empty((0, 0), np.uint8))],
    )


@pytest.mark.parametrize(
    ("box", "rule", "decided", "kept"),
    [
        (WIDE, TextRule.MEASUREMENT, TextRule.MEASUREMENT, True),
        (WIDE, TextRule.NAME, TextRule.NAME, False),
        (ELSEWHERE, TextRule.MEASUREMENT, TextRule.CHANGING, False),
    ],
    ids=["read as harmless", "read as a name", "not read"],
)
def test_a_line_counts_as_read_where_another_detection_encloses_it(
    box: tuple[float, float, float, float], rule: TextRule, decided: TextRule, kept: bool
) -> None:
    analyses = [
        analysis(0, NARROW, TextRule.MEASUREMENT),
        analysis(1, box, rule),
        analysis(2, NARROW, TextRule.MEASUREMENT),
    ]
    tracked = TrackedBox(NARROW, 0, 0.9, Origin.DETECTED, TargetKind.TEXT)
    tracks = Tracks([[tracked], [tracked], [tracked]], [[(0, 0), (2, 0)]])
    result = with_text_decisions(tracks, analyses, POLICY, [range(1)] * 3, 6, range(3))
    decision = result.boxes[1][0].text
    assert decision is not None
    assert (decision.rule, decision.kept) == (decided, kept)


LONGER = (20.0, 30.0, 160.0, 50.0)
KEPT = LineDecision(TextRule.MEASUREMENT)
WEAK_NAME, NAME = LineDecision(TextRule.NAME, weak=True), LineDecision(TextRule.NAME)
UNREAD, UNPROVEN = LineDecision(TextRule.UNREAD), LineDecision(TextRule.UNPROVEN, weak=True)

Line = tuple[LineDecision, str]


def kept_frames(
    *lines: Line | None,
    boxes: dict[int, tuple[float, float, float, float]] | None = None,
    unchanged: Iterable[int] = (),
) -> list[bool]:
    """Return in which frames a line is kept, given its decision and text in each; None between two passes.

    Frames that are unchanged have the pixels of the pass before them.
    """
    boxes = boxes or {}
    analyses = [
        FrameAnalysis(
            index,
            FrameDetections.empty(),
            None,
            text_and_plates={
                TargetKind.TEXT: FrameDetections(np.array([boxes.get(index, NARROW)]), np.ones(1))
            },
            lines=[ReadLine(line[0], np.empty((0, 0), np.uint8), line[1])],
        )
        if line
        else FrameAnalysis(index, FrameDetections.empty(), None)
        for index, line in enumerate(lines)
    ]
    for index in unchanged:
        line = lines[index - 1]
        assert line is not None
        analyses[index] = replace(analyses[index], seen_lines={(index - 1, 0): line[0]})
    frames = range(len(lines))
    tracked = TrackedBox(NARROW, 0, 0.9, Origin.DETECTED, TargetKind.TEXT)
    members = [(index, 0) for index in frames if lines[index]]
    tracks = Tracks([[tracked] for _ in frames], [members])
    rows = [range(1 if line else 0) for line in lines]
    result = with_text_decisions(tracks, analyses, POLICY, rows, 18, frames)
    return [bool(of_frame[0].text and of_frame[0].text.kept) for of_frame in result.boxes]


HARMLESS: Line = (KEPT, "depth12.5cm")


def test_an_uncertain_name_counts_in_its_own_frame_and_a_certain_one_in_all() -> None:
    assert kept_frames(HARMLESS, HARMLESS, (WEAK_NAME, "dept"), HARMLESS) == [True, True, False, True]
    assert kept_frames(HARMLESS, HARMLESS, (NAME, "dept"), HARMLESS) == [False] * 4
    assert kept_frames(HARMLESS, (WEAK_NAME, "dept"), (WEAK_NAME, "dept")) == [False] * 3


def test_an_uncertain_name_in_a_longer_line_counts_in_all_frames() -> None:
    # What is harmless may be a part of that line, of which the rest is not covered by itself.
    lines = HARMLESS, HARMLESS, (WEAK_NAME, "depth12.5cmberger"), HARMLESS
    assert kept_frames(*lines, boxes={2: LONGER}) == [False] * 4


def test_a_reading_that_differs_in_a_letter_is_of_the_same_line() -> None:
    assert kept_frames(HARMLESS, (UNPROVEN, "dopth12.5cm"), (UNPROVEN, "depth12.5om")) == [True] * 3
    assert kept_frames(HARMLESS, (UNPROVEN, "bergeranna"), HARMLESS, HARMLESS) == [True, False, True, True]
    assert kept_frames(HARMLESS, (UNPROVEN, "bergeranna"), HARMLESS, (UNPROVEN, "anna")) == [False] * 4


def test_a_frame_with_the_pixels_of_a_misread_pass_is_decided_as_that_pass() -> None:
    misread, other = (UNPROVEN, "dopth12.5cm"), (UNPROVEN, "bergeranna")
    assert kept_frames(HARMLESS, misread, None, HARMLESS, unchanged=[2]) == [True] * 4
    assert kept_frames(HARMLESS, misread, None, HARMLESS) == [True, True, False, True]
    assert kept_frames(HARMLESS, HARMLESS, other, None, HARMLESS, unchanged=[3]) == [
        True,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("part", "rule", "kept"),
    [
        ((30.0, 30.0, 60.0, 48.0), TextRule.UNREAD, True),
        ((30.0, 30.0, 60.0, 48.0), TextRule.NAME, False),
        ((80.0, 30.0, 130.0, 48.0), TextRule.UNREAD, False),
        ((30.0, 40.0, 60.0, 48.0), TextRule.UNREAD, False),
    ],
    ids=["within the line", "a name", "goes on", "thin"],
)
def test_a_part_of_a_line_that_stays_is_decided_with_it_between_passes(
    part: tuple[float, float, float, float], rule: TextRule, kept: bool
) -> None:
    """The part is a track of its own, which only the first pass has read."""
    seen = {(0, 0): KEPT}
    located = {TargetKind.TEXT: PropagatedBoxes(np.zeros(1, int), np.zeros(1, int), np.array([NARROW]))}
    found = FrameDetections(np.array([NARROW, part]), np.ones(2))
    nothing = np.empty((0, 0), np.uint8)
    lines = [ReadLine(KEPT, nothing, "depth12.5cm"), ReadLine(LineDecision(rule), nothing, "x")]
    texts = {TargetKind.TEXT: found}
    analyses = [
        FrameAnalysis(0, FrameDetections.empty(), None, text_and_plates=texts, lines=lines),
        FrameAnalysis(1, FrameDetections.empty(), None, seen_lines=seen, propagated=located),
    ]
    # The box of the track has grown to where the line may have moved.
    whole = TrackedBox(LONGER, 0, 0.9, Origin.DETECTED, TargetKind.TEXT)
    other = TrackedBox(part, 1, 0.9, Origin.EXTENDED, TargetKind.TEXT)
    tracks = Tracks([[whole, other], [whole, other]], [[(0, 0)], [(0, 1)]])
    result = with_text_decisions(tracks, analyses, POLICY, [range(2), range(0)], 18, range(2))
    decisions = [box.text for box in result.boxes[1]]
    assert [decision.kept for decision in decisions if decision] == [True, kept]


def test_blurred_readings_are_made_up_for_by_three_alike() -> None:
    blurred: Line = (UNREAD, "gamirdr")
    assert kept_frames(*[HARMLESS] * 3, *[blurred] * 3) == [True] * 3 + [False] * 3
    assert kept_frames(*[HARMLESS] * 2, *[blurred] * 3) == [False] * 5
    short: Line = (KEPT, "5mm")
    assert kept_frames(*[short] * 3, *[blurred] * 3) == [False] * 6
    assert kept_frames(*[HARMLESS] * 3, *[blurred] * 2, *[(UNPROVEN, "bergeranna")] * 2) == [False] * 7


def test_a_line_that_the_edge_cuts_says_nothing_of_other_frames() -> None:
    cut: Line = (LineDecision(TextRule.UNPROVEN, weak=True, cut=True), "mmhga")
    assert kept_frames(cut, cut, HARMLESS) == [False, False, True]
