"""How frames are divided into slices, and which slice a worker takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.work.slice_planning import choose_slice, plan_slices
from framecloak.domain.model.segments import Segment, union

STRETCHES = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), min_size=1, max_size=5).map(
    lambda pairs: tuple(union(Segment(start, start + length) for start, length in pairs))
)
KEYFRAMES = st.sets(st.integers(0, 800), max_size=40).map(sorted)


@given(stretches=STRETCHES, keyframes=KEYFRAMES, longest=st.integers(1, 120))
def test_slices_cover_every_frame_once_in_order_and_are_not_too_long(
    stretches: tuple[Segment, ...], keyframes: list[int], longest: int
) -> None:
    slices = plan_slices(stretches, keyframes, longest)
    frames = [n for one in slices for n in range(one.start_frame, one.end_frame)]
    assert frames == [n for one in stretches for n in range(one.start_frame, one.end_frame)]
    assert all(1 <= len(one) <= longest for one in slices)
    assert len(slices) == sum(-(-len(one) // longest) for one in stretches)
    for stretch in stretches:
        inside = [one for one in slices if stretch.start_frame <= one.start_frame < stretch.end_frame]
        assert inside[-1].end_frame == stretch.end_frame


@given(length=st.integers(1, 5000), longest=st.integers(1, 500))
def test_without_keyframes_slices_are_as_few_as_can_be_and_of_about_the_same_length(
    length: int, longest: int
) -> None:
    slices = plan_slices([Segment(7, 7 + length)], max_frames=longest)
    assert len(slices) == -(-length // longest)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@given(stretches=STRETCHES, longest=st.integers(1, 120), unit=st.integers(2, 50))
def test_no_cut_comes_between_what_belongs_together(
    stretches: tuple[Segment, ...], longest: int, unit: int
) -> None:
    slices = plan_slices(stretches, [3, 30], longest, unit)
    frames = [n for one in slices for n in range(one.start_frame, one.end_frame)]
    assert frames == [n for one in stretches for n in range(one.start_frame, one.end_frame)]
    assert all(len(one) <= max(longest, unit) for one in slices)
    for one in slices:
        (stretch,) = [each for each in stretches if each.start_frame <= one.start_frame < each.end_frame]
        assert (one.start_frame - stretch.start_frame) % unit == 0


def test_a_cut_moves_to_a_keyframe_nearby_and_to_none_far_away() -> None:
    def cuts(keyframes: list[int]) -> list[int]:
        return [one.end_frame for one in plan_slices([Segment(0, 180)], keyframes, 100)][:-1]

    assert cuts([]) == [90]
    assert cuts([0, 85, 150]) == [85]
    assert cuts([84, 95]) == [95]
    assert cuts([79, 101]) == [90]  # with either, one of the slices would be too long
    assert cuts([90]) == [90]


@pytest.mark.parametrize(
    ("ready", "after", "chosen"),
    [
        ([0, 1, 2], None, 0),
        ([1, 2, 3], 0, 1),
        ([2, 5], 4, 5),
        ([4, 5, 6, 7, 8], None, 6),  # the middle: whoever is before goes on with the first half
        ([1, 4, 5, 6], None, 5),
        ([3], None, 3),
        ([0, 1], 7, 0),
    ],
)
def test_which_slice_is_next(ready: list[int], after: int | None, chosen: int) -> None:
    assert choose_slice(ready, after) == chosen


@given(count=st.integers(1, 60), workers=st.integers(1, 5))
def test_workers_mostly_go_on_where_they_left_off(count: int, workers: int) -> None:
    left, after = list(range(count)), dict.fromkeys(range(workers))
    jumps = 0
    while left:
        for worker in range(workers):
            if left:
                chosen = choose_slice(left, after[worker])
                jumps += after[worker] is None or chosen != after[worker] + 1
                left.remove(chosen)
                after[worker] = chosen
    # Each worker begins somewhere, and where it meets the next it begins anew; every time half is left.
    assert jumps <= workers * (2 + count.bit_length())
