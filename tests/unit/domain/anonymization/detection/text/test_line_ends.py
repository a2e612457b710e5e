"""Ends of text lines: weak parts beside a line, and margins at its ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from framecloak.domain.anonymization.detection.text.line_ends import with_end_margins, with_weak_ends
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.text_policy import IDENTIFYING_RULES, TextDecision, TextRule
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.imaging.detections import TargetKind

LINE = (100.0, 100.0, 300.0, 128.0)


def found(*rows: tuple[float, float, float, float, float]) -> FrameDetections:
    table = np.array(rows)
    return FrameDetections(table[:, :4], table[:, 4], plate_shaped=np.zeros(len(rows), bool))


def text(xyxy: tuple[float, float, float, float], decision: TextDecision | None = None) -> TrackedBox:
    return TrackedBox(xyxy, 0, 0.9, Origin.DETECTED, TargetKind.TEXT, text=decision)


def test_an_initial_that_is_detected_weakly_belongs_to_the_line_beside_it() -> None:
    extended = with_weak_ends(found((*LINE, 0.9), (60, 108, 72, 124, 0.3)), 0.4)
    assert extended.boxes.tolist() == [[60, 100, 300, 128]]
    assert extended.scores.tolist() == [0.9]


@pytest.mark.parametrize(
    "part",
    [(20, 108, 40, 124), (60, 60, 72, 90), (60, 60, 99, 180), (60, 120, 72, 150)],
    ids=["far", "above", "higher", "beside"],
)
def test_other_weak_detections_are_dropped(part: tuple[float, float, float, float]) -> None:
    extended = with_weak_ends(found((*LINE, 0.9), (*part, 0.3)), 0.4)
    assert extended.boxes.tolist() == [list(LINE)]


def test_weak_detections_alone_are_dropped() -> None:
    assert len(with_weak_ends(found((*LINE, 0.3)), 0.4).boxes) == 0


def test_a_covered_line_is_covered_beyond_its_ends() -> None:
    (box,) = with_end_margins([text(LINE)])
    assert box.xyxy == pytest.approx((92, 100, 308, 128))


def test_an_upright_column_is_covered_beyond_its_ends() -> None:
    (box,) = with_end_margins([text((100, 100, 128, 300))])
    assert box.xyxy == pytest.approx((100, 92, 128, 308))


@pytest.mark.parametrize("rule", sorted(IDENTIFYING_RULES))
def test_what_identifies_is_covered_with_a_label_beside_it(rule: TextRule) -> None:
    (box,) = with_end_margins([text(LINE, TextDecision(rule, kept=False))])
    assert box.xyxy == pytest.approx((60, 100, 340, 128))


def test_text_on_the_next_line_does_not_end_the_margin() -> None:
    name = text(LINE, TextDecision(TextRule.NAME, kept=False))
    kept = text((200, 122, 400, 150), TextDecision(TextRule.MEASUREMENT, kept=True))
    assert with_end_margins([name, kept])[0].xyxy == pytest.approx((60, 100, 340, 128))


def test_a_name_is_covered_with_the_initial_beside_it() -> None:
    (box,) = with_end_margins([text(LINE, TextDecision(TextRule.NAME, kept=False))])
    assert box.xyxy == pytest.approx((60, 100, 340, 128))


def test_text_that_stays_readable_is_not_covered_by_the_margin_of_a_name() -> None:
    name = text(LINE, TextDecision(TextRule.NAME, kept=False))
    kept = text((310, 104, 400, 124), TextDecision(TextRule.MEASUREMENT, kept=True))
    covered, same = with_end_margins([name, kept])
    assert covered.xyxy == pytest.approx((60, 100, 310, 128))
    assert same == kept


def test_a_short_line_of_the_shape_of_a_plate_is_covered_as_far() -> None:
    short = TrackedBox((100, 100, 190, 136), 0, 0.9, Origin.DETECTED, TargetKind.PLATE, by_shape=True)
    assert with_end_margins([short])[0].xyxy == pytest.approx((96, 100, 194, 136))
    name = replace(short, text=TextDecision(TextRule.NAME, kept=False))
    assert with_end_margins([name])[0].xyxy == pytest.approx((64, 100, 226, 136))


def test_boxes_of_other_kinds_and_shapes_stay_as_they_are() -> None:
    boxes = [text((0, 0, 30, 28)), TrackedBox(LINE, 1, 0.9, Origin.DETECTED, TargetKind.PLATE)]
    assert with_end_margins(boxes) == boxes
