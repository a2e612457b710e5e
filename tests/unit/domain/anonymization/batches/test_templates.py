"""Marks of templates on videos of any size and length."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.orders.template import TemplateMarks, TimeRange
from framecloak.domain.errors import (
    InvalidOptionError,
    InvalidRegionError,
    InvalidSegmentError,
    TemplateMismatchError,
)
from framecloak.domain.model.segments import Region, Segment
from support.samples.persistence import facts

FULL_HD = (1920, 1080)


def test_time_ranges_become_segments_of_whole_frames() -> None:
    marks = TemplateMarks((TimeRange(0.5, 1.02, "a"), TimeRange(2), TimeRange(3.5, 9), TimeRange(5, 6)))
    found = marks.segments_of(facts(frame_rate=10.0, frame_count=40))
    assert found == [(Segment(5, 11), "a"), (Segment(20, 40), None), (Segment(35, 40), None)]


def test_a_video_before_all_ranges_is_refused() -> None:
    with pytest.raises(TemplateMismatchError):
        TemplateMarks((TimeRange(4),)).segments_of(facts(frame_rate=10.0, frame_count=40))
    assert list(TemplateMarks().segments_of(facts())) == []


@pytest.mark.parametrize(("start", "end"), [(-1, None), (1, 1), (2, 1), (math.nan, None), (0, math.inf)])
def test_impossible_ranges_are_refused(start: float, end: float | None) -> None:
    with pytest.raises(InvalidSegmentError):
        TimeRange(start, end)


def test_regions_need_the_frame_that_they_refer_to() -> None:
    with pytest.raises(InvalidOptionError):
        TemplateMarks(regions=((Region(0, 0, 1, 1), None),))
    with pytest.raises(InvalidRegionError):
        TemplateMarks(keep_text=(Region(0, 0, 10, 10),), frame_size=(9, 20))
    with pytest.raises(InvalidOptionError):
        TemplateMarks(keep_text=(Region(0, 0, 9, 9, Segment(0, 1)),), frame_size=(9, 20))


def test_frames_of_another_shape_are_refused() -> None:
    marks = TemplateMarks(
        regions=((Region(0, 0, 9, 9), None),), keep_text=(Region(0, 0, 9, 9),), frame_size=FULL_HD
    )
    for ask in (marks.regions_of, marks.keep_text_of):
        with pytest.raises(TemplateMismatchError):
            ask(facts(width=640, height=480))
    assert list(TemplateMarks().regions_of(facts(width=640, height=480))) == []


def test_regions_are_unchanged_in_videos_of_the_same_size() -> None:
    region = Region(3, 5, 7, 11)
    marks = TemplateMarks(regions=((region, "panel"),), keep_text=(region,), frame_size=FULL_HD)
    video = facts(width=1920, height=1080)
    assert list(marks.regions_of(video)) == [(region, "panel")]
    assert marks.keep_text_of(video) == (region,)


@given(st.integers(0, 1900), st.integers(0, 1060), st.integers(1, 20), st.integers(1, 20), st.integers(1, 24))
def test_scaled_regions_cover_more_and_kept_text_less(x: int, y: int, w: int, h: int, parts: int) -> None:
    region = Region(x, y, w, h)
    scale = parts / 12
    size = round(1920 * scale), round(1080 * scale)
    assume(min(size) > 0)
    marks = TemplateMarks(regions=((region, None),), keep_text=(region,), frame_size=FULL_HD)
    video = facts(width=size[0], height=size[1])
    ((covered, _),) = marks.regions_of(video)
    covered.require_within(*size)
    x1, y1, x2, y2 = (edge * scale for edge in region.xyxy)
    slack = 1e-9
    assert covered.xyxy[0] <= x1 + slack
    assert covered.xyxy[1] <= y1 + slack
    assert covered.xyxy[2] >= x2 - slack
    assert covered.xyxy[3] >= y2 - slack
    for kept in marks.keep_text_of(video):
        assert kept.xyxy[0] >= x1 - slack
        assert kept.xyxy[1] >= y1 - slack
        assert kept.xyxy[2] <= x2 + slack
        assert kept.xyxy[3] <= y2 + slack
