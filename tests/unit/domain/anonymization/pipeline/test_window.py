"""Index arithmetic of a frame window, without frames or threads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.pipeline.window import FrameWindow


@st.composite
def windows(draw: st.DrawFn) -> FrameWindow:
    first = draw(st.integers(0, 5000))
    end = first + draw(st.integers(1, 500))
    readable = end + draw(st.integers(0, 300))
    margin, interval, reach = (draw(st.integers(*limits)) for limits in ((0, 200), (1, 24), (0, 12)))
    return FrameWindow(first, end, margin, interval, readable, reach)


@given(windows())
def test_the_margins_are_inside_the_window_within_the_video(window: FrameWindow) -> None:
    assert 0 <= window.start <= max(0, window.first - window.reach - window.margin)
    assert window.stop <= window.readable
    assert window.stop >= min(window.readable, window.end + window.reach + window.margin)


@given(windows())
def test_both_ends_are_sampled(window: FrameWindow) -> None:
    assert window.is_sampled(window.start)
    assert window.is_sampled(window.stop - 1)


@given(windows())
def test_no_more_than_an_interval_lies_beyond_the_margins(window: FrameWindow) -> None:
    assert window.start > window.first - window.reach - window.margin - window.interval
    assert window.stop < window.end + window.reach + window.margin + window.interval


@given(windows(), st.integers(-100, 6000))
def test_the_sample_before_an_index_is_less_than_an_interval_away(window: FrameWindow, index: int) -> None:
    sample = window.sample_at_or_before(index)
    assert sample % window.interval == 0
    assert sample <= max(0, index) < sample + window.interval


@given(windows(), st.data())
def test_frames_that_a_later_block_needs_are_kept(window: FrameWindow, data: st.DataObject) -> None:
    due = data.draw(st.integers(window.rendered.start, window.rendered.stop))
    oldest = window.oldest_needed(due)
    assert oldest <= max(0, due - window.margin)
    # What the next segment needs is kept too.
    following = FrameWindow(
        window.end, window.end + 1, window.margin, window.interval, window.readable + 1, window.reach
    )
    assert window.oldest_needed(window.rendered.stop) <= following.start
    assert following.rendered.start == window.continues_from
    assert window.is_sampled(oldest)


def test_without_margins_only_the_segment_is_analysed() -> None:
    window = FrameWindow(first=7, end=10, margin=0, interval=1, readable=100)
    assert (window.start, window.stop) == (7, 10)


def test_neighbouring_segments_sample_the_same_frames() -> None:
    left = FrameWindow(first=0, end=50, margin=20, interval=6, readable=100)
    right = FrameWindow(first=50, end=100, margin=20, interval=6, readable=100)
    shared = range(right.start, left.stop)
    assert [left.is_sampled(index) for index in shared] == [right.is_sampled(index) for index in shared]


def test_the_last_readable_frame_of_a_truncated_file_is_sampled() -> None:
    window = FrameWindow(first=0, end=50, margin=20, interval=6, readable=53)
    assert window.stop == 53
    assert window.is_sampled(52)
    assert not window.is_sampled(51)
