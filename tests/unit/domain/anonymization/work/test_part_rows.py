"""Rows of frames in a part."""

from __future__ import annotations

import json

from framecloak.domain.anonymization.model.frames import RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.work.part_rows import frame_from_row, frame_row

FRAME = RedactedFrame(
    7, b"", (RedactedBox((0, 0, 9, 9), 1, 0.5, Origin.FOLLOWED, direction=270),), blanked=False
)


def test_a_row_restores_its_frame() -> None:
    row = json.loads(json.dumps(frame_row(FRAME, "frames/7.png")))
    assert frame_from_row(row, range(9)) == (FRAME, "frames/7.png")


def test_rows_of_older_versions_have_no_directions() -> None:
    row = json.loads(json.dumps(frame_row(FRAME, "frames/7.png")))
    for box in row[3]:
        box.pop()
    (frame, _) = frame_from_row(row, range(9))
    assert [box.direction for box in frame.boxes] == [0]
