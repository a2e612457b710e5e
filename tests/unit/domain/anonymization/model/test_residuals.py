"""Search scopes of residual checks, and the sums of their results."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.residuals import (
    SAMPLE_INTERVAL,
    CheckCounts,
    FrameCheck,
    SearchScope,
    plan_search_scopes,
)
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.imaging.detections import TargetKind

LENGTH = 40
TRACKED = [Origin.DETECTED, Origin.LINKED, Origin.FILLED, Origin.EXTENDED, Origin.FOLLOWED]
Frames = list[list[TrackedBox]]


def face(track: int, origin: Origin, kind: TargetKind = TargetKind.FACE) -> TrackedBox:
    return TrackedBox((10.4 * track, 5.0, 10.4 * track + 9, 14.6), track, 0.9, origin, kind)


@st.composite
def tracked(draw: st.DrawFn) -> Frames:
    """Draw redacted boxes: in each frame at most one of each of four tracks."""
    boxes = st.dictionaries(
        st.integers(0, 3), st.tuples(st.sampled_from(TRACKED), st.sampled_from(TargetKind)), max_size=4
    )
    return [
        [face(track, origin, kind) for track, (origin, kind) in sorted(draw(boxes).items())]
        for _ in range(LENGTH)
    ]


def is_filled(frame: list[TrackedBox], track: int) -> bool:
    return any(
        box.track == track and box.origin is Origin.FILLED and box.kind is TargetKind.FACE for box in frame
    )


@given(frames=tracked(), first=st.integers(0, 25), start=st.integers(0, LENGTH - 1))
def test_none_searches_nothing_and_all_searches_every_frame_entirely(
    frames: Frames, first: int, start: int
) -> None:
    due = range(first + start, first + LENGTH)
    assert plan_search_scopes(Verify.NONE, first, frames, due) == [None] * len(due)
    assert plan_search_scopes(Verify.ALL, first, frames, due) == [SearchScope()] * len(due)


@given(frames=tracked(), first=st.integers(0, 25), start=st.integers(0, LENGTH - 1))
def test_a_sample_is_every_tenth_frame_and_the_neighbourhood_of_gaps(
    frames: Frames, first: int, start: int
) -> None:
    due = range(first + start, first + LENGTH)
    scopes = plan_search_scopes(Verify.SAMPLE, first, frames, due)
    assert len(scopes) == len(due)
    for index, scope in zip(due, scopes, strict=True):
        position = index - first
        neighbours = frames[max(0, position - 1) : position] + frames[position + 1 : position + 2]
        next_to_gap = [
            box
            for box in frames[position]
            if any(is_filled(frame, box.track) for frame in neighbours)
            and not is_filled(frames[position], box.track)
        ]
        if index % SAMPLE_INTERVAL == 0:
            assert scope == SearchScope()
        elif next_to_gap:
            assert scope is not None
            assert not scope.whole
            assert scope.near == tuple(
                (round(x1), round(y1), round(x2), round(y2))
                for x1, y1, x2, y2 in (box.xyxy for box in next_to_gap)
            )
        else:
            assert scope is None


@given(frames=tracked(), first=st.integers(0, 25), cut=st.integers(1, LENGTH - 1))
def test_slices_search_the_same_frames_as_the_whole_video(frames: Frames, first: int, cut: int) -> None:
    whole = plan_search_scopes(Verify.SAMPLE, first, frames, range(first, first + LENGTH))
    before = plan_search_scopes(Verify.SAMPLE, first, frames, range(first, first + cut))
    behind = plan_search_scopes(
        Verify.SAMPLE, first + cut - 1, frames[cut - 1 :], range(first + cut, first + LENGTH)
    )
    assert before + behind == whole


def test_both_sides_of_a_gap_are_searched_around_the_lost_face() -> None:
    path = [Origin.DETECTED] * 3 + [Origin.FILLED] * 2 + [Origin.LINKED] * 3
    frames = [[face(1, origin), face(2, Origin.DETECTED)] for origin in path]
    scopes = plan_search_scopes(Verify.SAMPLE, 21, frames, range(21, 29))
    around = SearchScope(((10, 5, 19, 15),))
    assert scopes == [None, None, around, None, None, around, None, None]


def test_text_between_two_detection_passes_is_no_gap() -> None:
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
def test_counts_include_every_check_once_in_any_order(frame_checks: list[FrameCheck]) -> None:
    forwards, backwards = CheckCounts(), CheckCounts()
    for check in frame_checks:
        forwards.add(FrameCheck.from_row(check.to_row()))
    for check in reversed(frame_checks):
        backwards.add(check)
    assert forwards == backwards
    assert forwards.frames + forwards.near_gaps == len(frame_checks)
    assert forwards.blanked == sum(check.failed or check.after > 0 for check in frame_checks)
    assert forwards.failed <= forwards.blanked
    known = [check.similarity_after for check in frame_checks if check.similarity_after is not None]
    assert forwards.similarity_after == max(known, default=None)
