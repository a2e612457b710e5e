"""Which redacted frames are searched again, and where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.boxes import Origin, TrackedBox
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import (
    SAMPLE_INTERVAL,
    CheckCounts,
    FrameCheck,
    SearchScope,
    plan_search_scopes,
)
from framecloak.domain.imaging.detections import TargetKind

LENGTH = 40
TRACKED = [Origin.DETECTED, Origin.LINKED, Origin.FILLED, Origin.EXTENDED]
Frames = list[list[TrackedBox]]


def face(track: int, origin: Origin, kind: TargetKind = TargetKind.FACE) -> TrackedBox:
    return TrackedBox((10.4 * track, 5.0, 10.4 * track + 9, 14.6), track, 0.9, origin, kind)


@st.composite
def tracked(draw: st.DrawFn) -> Frames:
    """What is redacted in some frames: at most one box of each of four tracks."""
    boxes = st.dictionaries(
        st.integers(0, 3), st.tuples(st.sampled_from(TRACKED), st.sampled_from(TargetKind)), max_size=4
    )
    return [
        [face(track, origin, kind) for track, (origin, kind) in sorted(draw(boxes).items())]
        for _ in range(LENGTH)
    ]


def is_lost(frame: list[TrackedBox], track: int) -> bool:
    return any(
        box.track == track and box.origin is Origin.FILLED and box.kind is TargetKind.FACE for box in frame
    )


@given(frames=tracked(), first=st.integers(0, 25), start=st.integers(0, LENGTH - 1))
def test_none_is_none_and_all_is_every_frame_as_a_whole(frames: Frames, first: int, start: int) -> None:
    due = range(first + start, first + LENGTH)
    assert plan_search_scopes(Verify.NONE, first, frames, due) == [None] * len(due)
    assert plan_search_scopes(Verify.ALL, first, frames, due) == [SearchScope()] * len(due)


@given(frames=tracked(), first=st.integers(0, 25), start=st.integers(0, LENGTH - 1))
def test_a_sample_is_every_tenth_frame_and_what_is_next_to_a_gap(
    frames: Frames, first: int, start: int
) -> None:
    due = range(first + start, first + LENGTH)
    wanted = plan_search_scopes(Verify.SAMPLE, first, frames, due)
    assert len(wanted) == len(due)
    for index, search in zip(due, wanted, strict=True):
        at = index - first
        neighbours = frames[max(0, at - 1) : at] + frames[at + 1 : at + 2]
        found_again = [
            box
            for box in frames[at]
            if any(is_lost(frame, box.track) for frame in neighbours) and not is_lost(frames[at], box.track)
        ]
        if index % SAMPLE_INTERVAL == 0:
            assert search == SearchScope()
        elif found_again:
            assert search is not None
            assert not search.whole
            assert search.near == tuple(
                (round(x1), round(y1), round(x2), round(y2))
                for x1, y1, x2, y2 in (box.xyxy for box in found_again)
            )
        else:
            assert search is None


@given(frames=tracked(), first=st.integers(0, 25), cut=st.integers(1, LENGTH - 1))
def test_slices_choose_the_frames_that_the_whole_would(frames: Frames, first: int, cut: int) -> None:
    whole = plan_search_scopes(Verify.SAMPLE, first, frames, range(first, first + LENGTH))
    before = plan_search_scopes(Verify.SAMPLE, first, frames, range(first, first + cut))
    behind = plan_search_scopes(
        Verify.SAMPLE, first + cut - 1, frames[cut - 1 :], range(first + cut, first + LENGTH)
    )
    assert before + behind == whole


def test_both_sides_of_a_gap_are_searched_around_the_face_that_was_lost() -> None:
    path = [Origin.DETECTED] * 3 + [Origin.FILLED] * 2 + [Origin.LINKED] * 3
    frames = [[face(1, origin), face(2, Origin.DETECTED)] for origin in path]
    wanted = plan_search_scopes(Verify.SAMPLE, 21, frames, range(21, 29))
    around = SearchScope(((10, 5, 19, 15),))
    assert wanted == [None, None, around, None, None, around, None, None]


def test_text_between_two_looks_is_no_gap() -> None:
    path = [Origin.DETECTED, Origin.FILLED, Origin.FILLED, Origin.DETECTED]
    frames = [[face(1, origin, kind) for kind in (TargetKind.TEXT, TargetKind.PLATE)] for origin in path]
    assert plan_search_scopes(Verify.SAMPLE, 1, frames, range(1, 5)) == [None] * 4


checks = st.builds(
    FrameCheck,
    whole=st.booleans(),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
    similarity_before=st.none() | st.floats(-1, 1),
    similarity_after=st.none() | st.floats(-1, 1),
    failed=st.booleans(),
)


@given(st.lists(checks, max_size=20))
def test_sums_count_every_check_once_in_any_order(found: list[FrameCheck]) -> None:
    forwards, backwards = CheckCounts(), CheckCounts()
    for check in found:
        forwards.add(FrameCheck.from_row(check.to_row()))
    for check in reversed(found):
        backwards.add(check)
    assert forwards == backwards
    assert forwards.frames + forwards.near_gaps == len(found)
    assert forwards.blanked == sum(check.failed or check.after > 0 for check in found)
    assert forwards.failed <= forwards.blanked
    known = [check.similarity_after for check in found if check.similarity_after is not None]
    assert forwards.similarity_after == max(known, default=None)
