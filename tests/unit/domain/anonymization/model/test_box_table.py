"""Compact table of boxes by frame."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model import box_table
from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Segment

FACE = RedactedBox((1, 2, 30, 40), 3, 0.5, Origin.DETECTED, TargetKind.FACE)
REGION = RedactedBox((0, 0, 9, 9), None, None, Origin.MANUAL, None)


@st.composite
def random_boxes(draw: st.DrawFn) -> RedactedBox:
    x, y = draw(st.integers(-99, 99)), draw(st.integers(-99, 99))
    kind = draw(st.none() | st.sampled_from(TargetKind))
    return RedactedBox(
        (x, y, x + draw(st.integers(1, 99)), y + draw(st.integers(1, 99))),
        draw(st.none() | st.integers(0, 2**31 - 1)),
        draw(st.none() | st.floats(0, 1)),
        draw(st.sampled_from(Origin)),
        kind,
        by_shape=kind is TargetKind.PLATE and draw(st.booleans()),
        direction=draw(st.sampled_from(range(0, 360, 45))),
    )


Frames = dict[int, list[RedactedBox] | None]
FRAMES = st.dictionaries(st.integers(0, 99), st.none() | st.lists(random_boxes(), max_size=4), max_size=9)


def table_of(frames: Frames) -> BoxTable:
    builder = BoxTableBuilder()
    for index, boxes in frames.items():
        builder.add(index, boxes)
    return builder.finish()


@given(FRAMES)
def test_entries_added_in_any_order_are_stored_in_order(frames: Frames) -> None:
    table = table_of(frames)
    expected = [(index, None if boxes is None else tuple(boxes)) for index, boxes in sorted(frames.items())]
    assert list(entries(table)) == expected
    assert list(entries(BoxTable.unpacked(table.packed()))) == expected
    assert table.packed() == table_of(dict(reversed(frames.items()))).packed()


@given(FRAMES, st.integers(0, 90), st.integers(1, 9))
def test_requested_frames_have_an_entry_or_are_refused(frames: Frames, start: int, length: int) -> None:
    segment = Segment(start, start + length)
    requested = range(start, start + length)
    table = table_of(frames)
    missing = [index for index in requested if index not in frames]
    if missing:
        with pytest.raises(InvalidManifestError, match=f"frame {missing[0]} has no entry"):
            table.restricted_to([segment])
        with pytest.raises(InvalidManifestError, match="no entry"):
            table.boxes(missing[0])
    else:
        restricted = dict(entries(table.restricted_to([segment])))
        assert restricted == {
            index: None if (kept := frames[index]) is None else tuple(kept) for index in requested
        }


def test_boxes_are_clipped_to_the_image() -> None:
    table = table_of({0: [replace(FACE, xyxy=(-5, -5, 20, 300)), REGION]}).clipped_to(100, 50)
    assert table.boxes(0) == (replace(FACE, xyxy=(0, 0, 20, 50)), REGION)


@pytest.mark.parametrize("xyxy", [(100, 0, 120, 20), (0, 50, 5, 60), (-9, -9, 0, 0)])
def test_a_box_outside_the_image_is_refused_and_named(xyxy: tuple[int, int, int, int]) -> None:
    table = table_of({3: [FACE], 7: [FACE, replace(FACE, xyxy=xyxy)], 9: [FACE]})
    with pytest.raises(InvalidManifestError, match=r"frame 7: the box .* outside the frame of 100x50"):
        table.clipped_to(100, 50)


@pytest.mark.parametrize("xyxy", [(5, 5, 5, 9), (9, 5, 5, 9), (0, 0, 2**31, 5), (-(2**31), 0, 5, 5)])
def test_impossible_boxes_are_refused(xyxy: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidManifestError, match="frame 4"):
        BoxTableBuilder().add(4, [replace(FACE, xyxy=xyxy)])


def test_a_frame_has_one_entry() -> None:
    builder = BoxTableBuilder()
    builder.add(5, [FACE])
    builder.add(5, None)
    with pytest.raises(InvalidManifestError, match="frame 5 has two entries"):
        builder.finish()
    with pytest.raises(InvalidManifestError, match="no frame -1"):
        builder.add(-1, [])


def test_the_number_of_boxes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_table, "MAX_BOXES", 3)
    builder = BoxTableBuilder()
    builder.add(0, [FACE] * 3)
    builder.add(1, [])
    with pytest.raises(TooManyBoxesError, match="more than 3 boxes"):
        builder.add(2, [FACE])


def test_other_bytes_are_no_table() -> None:
    with pytest.raises(ValueError, match="not a packed table"):
        BoxTable.unpacked(b"x" * 20)
