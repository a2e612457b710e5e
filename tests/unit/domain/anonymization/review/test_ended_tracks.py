"""Tracks that end inside the frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.review.ended_tracks import ended_inside
from framecloak.domain.anonymization.review.ranking import Ranking, Reason
from framecloak.domain.imaging.detections import TargetKind

SIZE = (100, 80)
INSIDE = (40, 40, 50, 50)


def face(track: int, xyxy: tuple[int, int, int, int] = INSIDE) -> RedactedBox:
    return RedactedBox(xyxy, track, 0.9, Origin.DETECTED)


def table_of(frames: Mapping[int, Sequence[RedactedBox] | None]) -> BoxTable:
    builder = BoxTableBuilder()
    for index, boxes in frames.items():
        builder.add(index, boxes)
    return builder.finish()


def ended(frames: Mapping[int, Sequence[RedactedBox] | None]) -> list[int]:
    table = table_of(frames)
    return table.frames[np.flatnonzero(ended_inside(table, SIZE))].tolist()


def test_a_face_that_is_lost_inside_the_picture() -> None:
    assert ended({0: [face(1)], 1: [face(1)], 2: [], 3: []}) == [1]


def test_a_face_that_returns_was_not_lost() -> None:
    assert ended({0: [face(1)], 1: [], 2: [face(1)]}) == []


def test_a_face_at_a_border_has_left() -> None:
    for border in ((0, 40, 10, 50), (40, 0, 50, 10), (90, 40, 100, 50), (40, 70, 50, 80)):
        assert ended({0: [face(1)], 1: [face(1, border)], 2: []}) == []
        assert ended({0: [face(1, border)], 1: [face(1)], 2: []}) == [1]


def test_tracks_end_with_their_segment() -> None:
    assert ended({0: [face(1)], 1: [face(1)], 7: [], 8: []}) == []


def test_a_black_frame_hides_what_follows() -> None:
    assert ended({0: [face(1)], 1: None, 2: []}) == []


def test_tracks_end_at_a_cut() -> None:
    assert ended({0: [face(1), face(2)], 1: [face(3)], 2: [face(3)]}) == []
    assert ended({0: [face(1), face(2)], 1: [face(2), face(3)], 2: [face(2), face(3)]}) == [0]


def test_text_and_boxes_without_a_track_do_not_count() -> None:
    text = RedactedBox(INSIDE, 4, 0.9, Origin.DETECTED, TargetKind.TEXT)
    residual = RedactedBox(INSIDE, None, None, Origin.RESIDUAL)
    assert ended({0: [text, residual], 1: []}) == []
    assert ended({}) == []


def test_such_frames_come_right_after_black_ones() -> None:
    residual = RedactedBox(INSIDE, None, None, Origin.RESIDUAL)
    frames = {0: [residual], 1: [face(1)], 2: [], 3: None}
    ranked = Ranking.of(table_of(frames), SIZE).page(3, 0)
    assert [(entry.index, entry.reason) for entry in ranked] == [
        (3, Reason.BLANKED),
        (1, Reason.ENDED),
        (0, Reason.RESIDUAL),
    ]
