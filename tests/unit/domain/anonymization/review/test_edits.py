"""Edits by a user of the boxes of a result."""

from __future__ import annotations

import pytest

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review.edits import DrawnBox, FrameEdit, apply_edits
from framecloak.domain.errors import InvalidManifestError
from framecloak.domain.imaging.detections import TargetKind

FACE = RedactedBox((1, 2, 30, 40), 3, 0.5, Origin.DETECTED, TargetKind.FACE)
TEXT = RedactedBox((50, 2, 70, 9), 4, 0.7, Origin.FILLED, TargetKind.TEXT)
MARK = RedactedBox((0, 0, 9, 9), None, None, Origin.REGION, None)


@pytest.fixture
def table() -> BoxTable:
    builder = BoxTableBuilder()
    builder.add(5, [FACE, MARK])
    builder.add(6, [TEXT])
    builder.add(7, None)
    return builder.finish()


def test_unchanged_boxes_keep_their_origin_and_others_become_edited_or_manual(table: BoxTable) -> None:
    stays = DrawnBox(FACE.xyxy, TargetKind.FACE, 3)
    mark = DrawnBox(MARK.xyxy, None)
    moved = DrawnBox((50, 3, 70, 10), TargetKind.TEXT, 4)
    new = DrawnBox((1, 1, 2, 2), TargetKind.PLATE, 99)
    alone = DrawnBox((1, 1, 2, 2), TargetKind.FACE)
    region = DrawnBox((4, 4, 5, 5), None, 3)
    after = apply_edits(table, [FrameEdit(5, (stays, mark, moved, new, alone, region))])
    assert after.boxes(5) == (
        FACE,
        MARK,
        RedactedBox((50, 3, 70, 10), 4, None, Origin.EDITED, TargetKind.TEXT),
        RedactedBox((1, 1, 2, 2), 99, None, Origin.MANUAL, TargetKind.PLATE),
        RedactedBox((1, 1, 2, 2), None, None, Origin.MANUAL, TargetKind.FACE),
        RedactedBox((4, 4, 5, 5), None, None, Origin.MANUAL, None),
    )
    assert (after.boxes(6), after.boxes(7)) == ((TEXT,), None)


def test_boxes_are_removed_by_leaving_them_out(table: BoxTable) -> None:
    assert apply_edits(table, [FrameEdit(5, ())]).boxes(5) == ()


def test_a_black_frame_stays_black_unless_an_edit_shows_it(table: BoxTable) -> None:
    drawn = DrawnBox((1, 1, 2, 2))
    assert apply_edits(table, [FrameEdit(7, ())]).boxes(7) is None
    with pytest.raises(InvalidManifestError, match="frame 7 is black"):
        apply_edits(table, [FrameEdit(7, (drawn,))])
    assert len(apply_edits(table, [FrameEdit(7, (drawn,), blanked=False)]).boxes(7) or ()) == 1
    assert apply_edits(table, [FrameEdit(5, (), blanked=True)]).boxes(5) is None


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([FrameEdit(5, ()), FrameEdit(5, ())], "edited twice"),
        ([FrameEdit(8, ())], "frame 8 is not in the result"),
        ([FrameEdit(5, (DrawnBox((5, 5, 5, 5)),))], "no extent"),
    ],
)
def test_impossible_edits_are_refused(table: BoxTable, edits: list[FrameEdit], message: str) -> None:
    with pytest.raises(InvalidManifestError, match=message):
        apply_edits(table, edits)
