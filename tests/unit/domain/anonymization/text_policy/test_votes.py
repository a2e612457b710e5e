"""Decisions on tracks of one line that scales detect differently."""

from __future__ import annotations

import numpy as np
import pytest

from framecloak.domain.anonymization.model.analysis import FrameAnalysis, ReadLine
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
