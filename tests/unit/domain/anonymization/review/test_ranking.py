"""Ranking of the frames to review first."""

from __future__ import annotations

from framecloak.domain.anonymization.model.box_table import BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review.ranking import Ranking, Reason
from framecloak.domain.imaging.detections import TargetKind

SIZE = (640, 360)


def face(origin: Origin, score: float | None) -> RedactedBox:
    return RedactedBox((0, 0, 9, 9), 0, score, origin, TargetKind.FACE)


def test_frames_with_the_weakest_evidence_come_first() -> None:
    builder = BoxTableBuilder()
    frames = {
        10: [face(Origin.DETECTED, 0.9)],
        11: [face(Origin.DETECTED, 0.9), face(Origin.FILLED, 0.5)],
        12: [face(Origin.LINKED, 0.2)],
        13: None,
        14: [face(Origin.EXTENDED, 0.8)],
        15: [],
        19: [face(Origin.FOLLOWED, 0.8)],
        16: [face(Origin.MANUAL, None), RedactedBox((0, 0, 9, 9), None, None, Origin.REGION, None)],
        17: [face(Origin.DETECTED, 0.6)],
        20: [face(Origin.BETWEEN, 0.7)],
        18: [face(Origin.FILLED, 0.5), face(Origin.RESIDUAL, None)],
    }
    for index, boxes in frames.items():
        builder.add(index, boxes)
    ranking = Ranking.of(builder.finish(), SIZE)
    ranked = ranking.page(100, 0)
    assert [(entry.index, entry.reason) for entry in ranked] == [
        (13, Reason.BLANKED),
        (18, Reason.RESIDUAL),
        (11, Reason.FILLED),
        (19, Reason.FOLLOWED),
        (14, Reason.EXTENDED),
        (12, Reason.UNSURE),
        (17, Reason.SCORE),
        (20, Reason.SCORE),
        (10, Reason.SCORE),
        (15, None),
        (16, None),
    ]
    risks = [entry.risk for entry in ranked]
    assert risks == sorted(risks, reverse=True)
    assert (risks[0], risks[-1]) == (1.0, 0.0)
    assert [entry.lowest_score for entry in ranked] == [
        None,
        0.5,
        0.5,
        0.8,
        0.8,
        0.2,
        0.6,
        0.7,
        0.9,
        None,
        None,
    ]
    assert [entry.index for entry in ranking.page(2, 5)] == [12, 17]
    assert ranking.page(2, 11) == []


def test_frames_can_be_listed_in_the_order_of_the_video() -> None:
    builder = BoxTableBuilder()
    for index in (10, 11, 50, 51):
        builder.add(index, [face(Origin.DETECTED, 0.9)] if index % 2 else [])
    ranking = Ranking.of(builder.finish(), SIZE)
    assert [entry.index for entry in ranking.frames_from(11, 2)] == [11, 50]
    assert [len(entry.boxes) for entry in ranking.frames_from(0, 9)] == [0, 1, 0, 1]
    assert ranking.frames_from(52, 9) == []


def test_filled_text_between_two_passes_is_no_risk() -> None:
    builder = BoxTableBuilder()
    kinds = (TargetKind.TEXT, TargetKind.PLATE, TargetKind.FACE)
    for index, kind in enumerate(kinds):
        builder.add(index, [RedactedBox((0, 0, 9, 9), 0, 0.9, Origin.FILLED, kind, kind is TargetKind.PLATE)])
    by_index = {entry.index: entry for entry in Ranking.of(builder.finish(), SIZE).page(9, 0)}
    assert [by_index[index].reason for index in range(3)] == [Reason.SCORE, Reason.SCORE, Reason.FILLED]
    assert by_index[0].risk == by_index[1].risk < 0.1 < by_index[2].risk


def test_a_result_with_only_black_frames() -> None:
    builder = BoxTableBuilder()
    builder.add(0, None)
    assert [entry.risk for entry in Ranking.of(builder.finish(), SIZE).page(9, 0)] == [1.0]
