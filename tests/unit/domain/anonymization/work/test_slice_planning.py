"""Division of frames into slices, and the choice of a worker's next slice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.work.slice_planning import choose_slice, plan_slices
from framecloak.domain.model.segments import Segment, union

RANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), min_size=1, max_size=5).map(
    lambda pairs: tuple(union(Segment(start, start + length) for start, length in pairs))
)
KEYFRAMES = st.sets(st.integers(0, 800), max_size=40).map(sorted)


def frame_numbers(segments: Sequence[Segment]) -> list[int]:
    return [number for segment in segments for number in range(segment.start_frame, segment.end_frame)]


@given(ranges=RANGES, keyframes=KEYFRAMES, max_frames=st.integers(1, 120))
def test_slices_cover_every_frame_once_in_order_within_the_maximum(
    ranges: tuple[Segment, ...], keyframes: list[int], max_frames: int
) -> None:
    slices = plan_slices(ranges, keyframes, max_frames)
    frames = frame_numbers(slices)
    assert frames == frame_numbers(ranges)
    assert all(1 <= len(slice_) <= max_frames for slice_ in slices)
    assert len(slices) == sum(-(-len(range_) // max_frames) for range_ in ranges)
    for range_ in ranges:
        inside = [slice_ for slice_ in slices if range_.start_frame <= slice_.start_frame < range_.end_frame]
        assert inside[-1].end_frame == range_.end_frame


@given(length=st.integers(1, 5000), max_frames=st.integers(1, 500))
def test_without_keyframes_slices_are_few_and_of_similar_length(length: int, max_frames: int) -> None:
    slices = plan_slices([Segment(7, 7 + length)], max_frames=max_frames)
    assert len(slices) == -(-length // max_frames)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@given(ranges=RANGES, max_frames=st.integers(1, 120), group_frames=st.integers(2, 50))
def test_frame_groups_are_not_split(ranges: tuple[Segment, ...], max_frames: int, group_frames: int) -> None:
    slices = plan_slices(ranges, [3, 30], max_frames, group_frames)
    frames = frame_numbers(slices)
    assert frames == frame_numbers(ranges)
    assert all(len(slice_) <= max(max_frames, group_frames) for slice_ in slices)
    for slice_ in slices:
        (range_,) = [
            candidate
            for candidate in ranges
            if candidate.start_frame <= slice_.start_frame < candidate.end_frame
        ]
        assert (slice_.start_frame - range_.start_frame) % group_frames == 0


def test_a_slice_ends_at_a_nearby_keyframe() -> None:
    def cuts(keyframes: list[int]) -> list[int]:
        return [slice_.end_frame for slice_ in plan_slices([Segment(0, 180)], keyframes, 100)][:-1]

    assert cuts([]) == [90]
    assert cuts([0, 85, 150]) == [85]
    assert cuts([84, 95]) == [95]
    assert cuts([79, 101]) == [90]  # with either keyframe, one slice would be too long
    assert cuts([90]) == [90]


@pytest.mark.parametrize(
    ("ready", "after", "chosen"),
    [
        ([0, 1, 2], None, 0),
        ([1, 2, 3], 0, 1),
        ([2, 5], 4, 5),
        ([4, 5, 6, 7, 8], None, 6),  # the middle: the worker before it continues with the first half
        ([1, 4, 5, 6], None, 5),
        ([3], None, 3),
        ([0, 1], 7, 0),
    ],
)
def test_the_next_slice_follows_the_previous_one_or_starts_half_way(
    ready: list[int], after: int | None, chosen: int
) -> None:
    assert choose_slice(ready, after) == chosen


@given(count=st.integers(1, 60), workers=st.integers(1, 5))
def test_workers_mostly_continue_where_they_stopped(count: int, workers: int) -> None:
    left, after = list(range(count)), dict.fromkeys(range(workers))
    jumps = 0
    while left:
        for worker in range(workers):
            if left:
                chosen = choose_slice(left, after[worker])
                jumps += after[worker] is None or chosen != after[worker] + 1
                left.remove(chosen)
                after[worker] = chosen
    # Each worker starts somewhere and jumps when it meets the next one; every time half the slices are left.
    assert jumps <= workers * (2 + count.bit_length())
