"""Frames that a correction uncovered are looked at first."""

from __future__ import annotations

import pytest

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.record.history import Correction
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit, apply_edits, record_edits
from framecloak.domain.anonymization.review.ranking import Ranking, Reason
from framecloak.domain.imaging.detections import TargetKind

SIZE = (640, 360)
FACE = (100, 100, 140, 150)
OTHER = (300, 100, 340, 150)


def table_of(*boxes: tuple[tuple[int, int, int, int], ...] | None) -> BoxTable:
    builder = BoxTableBuilder()
    for frame, of_frame in enumerate(boxes):
        faces = None
        if of_frame is not None:
            faces = [RedactedBox(box, None, 0.9, Origin.DETECTED, TargetKind.FACE) for box in of_frame]
        builder.add(frame, faces)
    return builder.finish()


def corrected(table: BoxTable, edit: FrameEdit) -> tuple[BoxTable, Correction]:
    after = apply_edits(table, [edit])
    changes = record_edits(table, after, [edit])
    return after, Correction("0" * 64, SignatureState.GENUINE, None, None, "nina", None, changes)


@pytest.mark.parametrize(
    ("boxes", "is_uncovered"),
    [
        ((), True),
        ((OTHER,), True),
        ((FACE,), True),
        ((FACE, OTHER), False),
        ((FACE, OTHER, (0, 0, 9, 9)), False),
        (((90, 90, 150, 160), OTHER), False),
        (((101, 100, 141, 150), OTHER), True),
    ],
)
def test_a_frame_in_which_a_person_uncovered_something_is_risky(
    boxes: tuple[tuple[int, int, int, int], ...], *, is_uncovered: bool
) -> None:
    drawn = tuple(DrawnBox(box, TargetKind.FACE) for box in boxes)
    table, correction = corrected(table_of((OTHER,), (FACE, OTHER), (OTHER,)), FrameEdit(1, drawn))
    ranking = Ranking.of(table, SIZE, [correction])
    assert ranking.risky == ([1] if is_uncovered else [])
    reasons = {entry.index: entry.reason for entry in ranking.page(9, 0)}
    assert (reasons[1] is Reason.UNCOVERED) is is_uncovered
    assert reasons[0] is reasons[2] is Reason.SCORE


def test_a_later_correction_may_cover_it_again() -> None:
    first, uncovering = corrected(table_of((FACE,), (FACE,)), FrameEdit(0, ()))
    second, covering = corrected(first, FrameEdit(0, (DrawnBox(FACE, TargetKind.FACE),)))
    assert Ranking.of(second, SIZE, [uncovering, covering]).risky == []
    blanked, _ = corrected(first, FrameEdit(0, (), blanked=True))
    (entry,) = Ranking.of(blanked, SIZE, [uncovering]).page(1, 0)
    assert entry.reason is Reason.BLANKED


def test_a_black_frame_that_is_shown_again_is_risky() -> None:
    table, correction = corrected(table_of((FACE,), None), FrameEdit(1, (), blanked=False))
    assert Ranking.of(table, SIZE, [correction]).risky == [1]
    assert Ranking.of(table, SIZE).risky == []
