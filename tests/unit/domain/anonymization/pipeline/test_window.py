"""Index arithmetic of a frame window, without frames or threads."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.pipeline.window import FrameWindow


@st.composite
def windows(draw: st.DrawFn) -> FrameWindow:
    first = draw(st.integers(0, 5000))
    end = first + draw(st.integers(1, 500))
    readable = end + draw(st.integers(0, 300))
    limits = (0, 200), (1, 24), (0, 12), (1, 24)
    margin, interval, reach, block = (draw(st.integers(*each)) for each in limits)
    return FrameWindow(first, end, margin, interval, readable, reach, block)


def alignment(window: FrameWindow) -> int:
    return math.lcm(window.interval, window.block)


@given(windows())
def test_the_margins_are_inside_the_window_within_the_video(window: FrameWindow) -> None:
    assert 0 <= window.start <= max(0, window.first - window.reach - window.margin)
    assert window.stop <= window.readable
    assert window.stop >= min(window.readable, window.end + window.reach + window.margin)


@given(windows())
def test_both_ends_are_sampled_boundaries(window: FrameWindow) -> None:
    for index in (window.start, window.stop - 1):
        assert window.is_sampled(index)
        assert window.is_boundary(index)


@given(windows())
def test_no_more_than_both_intervals_allow_lies_beyond_the_margins(window: FrameWindow) -> None:
    assert window.start > window.first - window.reach - window.margin - alignment(window)
    assert window.stop < window.end + window.reach + window.margin + alignment(window)


@given(windows(), st.integers(-100, 6000))
def test_the_start_before_an_index_is_the_last_sampled_boundary(window: FrameWindow, index: int) -> None:
    start = window.start_at_or_before(index)
    assert start % window.interval == start % window.block == 0
    assert start <= max(0, index) < start + alignment(window)


@given(windows(), st.data())
def test_frames_that_a_later_block_needs_are_kept(window: FrameWindow, data: st.DataObject) -> None:
    due = data.draw(st.integers(window.rendered.start, window.rendered.stop))
    oldest = window.oldest_needed(due)
    assert oldest <= max(0, due - window.margin)
    # What the next segment needs is kept too.
    following = FrameWindow(
        window.end,
        window.end + 1,
        window.margin,
        window.interval,
        window.readable + 1,
        window.reach,
        window.block,
    )
    assert window.oldest_needed(window.rendered.stop) <= following.start
    assert following.rendered.start == window.continues_from
    assert window.is_sampled(oldest)
    assert window.is_boundary(oldest)


def test_without_margins_only_the_segment_is_analysed() -> None:
    window = FrameWindow(first=7, end=10, margin=0, interval=1, readable=100)
    assert (window.start, window.stop) == (7, 10)


def test_neighbouring_segments_sample_the_same_frames() -> None:
    left = FrameWindow(first=0, end=50, margin=20, interval=6, readable=100, block=4)
    right = FrameWindow(first=50, end=100, margin=20, interval=6, readable=100, block=4)
    shared = range(right.start, left.stop)
    assert [left.is_sampled(index) for index in shared] == [right.is_sampled(index) for index in shared]
    assert [left.is_boundary(index) for index in shared] == [right.is_boundary(index) for index in shared]


def test_the_last_readable_frame_of_a_truncated_file_is_a_sampled_boundary() -> None:
    window = FrameWindow(first=0, end=50, margin=20, interval=6, readable=53, block=24)
    assert window.stop == 53
    assert window.is_sampled(52)
    assert window.is_boundary(52)
    assert not window.is_sampled(51)
    assert not window.is_boundary(51)
