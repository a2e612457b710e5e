"""Validation of segments and regions, and the union of segments."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.model.segments import Region, Segment, require_within, union

segments = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda pair: Segment(pair[0], sum(pair)))


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5)])
def test_a_segment_without_frames_is_refused(start: int, end: int) -> None:
    with pytest.raises(InvalidSegmentError, match=rf"{start}:{end}"):
        Segment(start, end)


@pytest.mark.parametrize("numbers", [(-1, 0, 5, 5), (0, -1, 5, 5), (0, 0, 0, 5), (0, 0, 5, 0)])
def test_a_region_without_extent_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidRegionError):
        Region(*numbers)


@given(st.lists(segments))
def test_a_union_has_the_same_frames_once(parts: list[Segment]) -> None:
    joined = union(parts)
    frames = [frame for part in joined for frame in range(part.start_frame, part.end_frame)]
    assert frames == sorted({frame for part in parts for frame in range(part.start_frame, part.end_frame)})
    assert all(a.end_frame < b.start_frame for a, b in pairwise(joined))


def test_marks_may_fill_the_video_exactly() -> None:
    marks = [Segment(0, 10)], [Region(0, 0, 64, 48, Segment(9, 10))]
    require_within(*marks, size=(64, 48), frame_count=10)
    for size, frame_count in (((63, 48), 10), ((64, 47), 10), ((64, 48), 9)):
        with pytest.raises((InvalidRegionError, InvalidSegmentError)):
            require_within(*marks, size=size, frame_count=frame_count)


@pytest.mark.parametrize(
    ("segment", "region", "error", "message"),
    [
        (Segment(0, 11), None, InvalidSegmentError, "10 frames"),
        (None, Region(0, 0, 65, 48), InvalidRegionError, "64x48"),
        (None, Region(0, 40, 64, 9), InvalidRegionError, "64x48"),
        (None, Region(0, 0, 1, 1, Segment(5, 11)), InvalidSegmentError, "10 frames"),
    ],
)
def test_marks_outside_the_video_are_refused(
    segment: Segment | None, region: Region | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        require_within(
            [segment] if segment else [], [region] if region else [], size=(64, 48), frame_count=10
        )


def test_a_region_applies_to_its_frames() -> None:
    region = Region(1, 2, 3, 4, Segment(5, 7))
    assert [frame for frame in range(10) if region.applies_to(frame)] == [5, 6]
    assert region.xyxy == (1, 2, 4, 6)
    assert str(region) == "1,2,3,4@5:7"
