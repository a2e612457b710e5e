"""Segments and regions in the notation of the command line."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo
from framecloak.entrypoints.cli.redact.marks import parse_region, parse_segments

VIDEO = SourceInfo("video.mp4", 640, 360, 250, 250, 25.0, 10.0, 0, continuous=True)
IMAGE = replace(
    VIDEO, name="face.jpg", frame_count=1, readable_frames=1, frame_rate=0.0, duration=0.0, continuous=False
)
NTSC = replace(VIDEO, frame_rate=30000 / 1001, duration=250 * 1001 / 30000)


def segments(text: str, info: SourceInfo = VIDEO) -> list[str]:
    return [str(mark.resolve(info)) for mark in parse_segments(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:100,200:250", ["0:100", "200:250"]),
        ("100:", ["100:250"]),
        (":100", ["0:100"]),
        (":", ["0:250"]),
        ("1.5s:4s", ["37:100"]),
        ("0.04s:0.08s", ["1:2"]),
        ("9.99s:10s", ["249:250"]),
        ("1s:100", ["25:100"]),
        (" 3:4 , 5:6 ", ["3:4", "5:6"]),
    ],
)
def test_segments_are_given_in_frames_or_seconds(text: str, expected: list[str]) -> None:
    assert segments(text) == expected


def test_seconds_at_a_fractional_frame_rate() -> None:
    # 1 s is at 29.97 frames, during frame 29, and 2 s is within frame 59.
    assert segments("1s:2s", NTSC) == ["29:60"]
    # The duration of the video means its end, in spite of rounding.
    assert segments("0s:8.342s", NTSC) == ["0:250"]


@given(st.integers(0, 248), st.integers(1, 200), st.sampled_from([VIDEO, NTSC]))
def test_a_time_on_a_frame_boundary_means_that_boundary(start: int, length: int, info: SourceInfo) -> None:
    end = min(start + length, info.frame_count)
    rate = Fraction(info.frame_rate)
    text = f"{float(start / rate):.6f}s:{float(end / rate):.6f}s"
    assert segments(text, info) == [f"{start}:{end}"]


@given(st.floats(0, 9.9), st.floats(0.01, 5), st.sampled_from([VIDEO, NTSC]))
def test_no_frame_that_a_time_touches_is_lost(start: float, length: float, info: SourceInfo) -> None:
    end = min(start + length, info.duration - 0.001)
    if round(start, 6) >= round(end, 6):
        return
    (mark,) = parse_segments(f"{start:.6f}s:{end:.6f}s")
    segment = mark.resolve(info)
    assert segment.start_frame / info.frame_rate <= start + 1e-4
    assert segment.end_frame / info.frame_rate >= end - 1e-4


@pytest.mark.parametrize(
    "text", ["", "5", "a:b", "1-2", "-1:5", "1:2:3", "1.5:3", "1s", "1e3:2e3", "0:5,,6:7"]
)
def test_malformed_segments_are_refused(text: str) -> None:
    with pytest.raises(InvalidSegmentError, match="is malformed") as caught:
        parse_segments(text)
    assert "1.5s:4s" in caught.value.hint


@pytest.mark.parametrize("text", ["0:251", "250:", "250:260", "11s:", "0s:10.2s", "900000000s:"])
def test_segments_outside_the_video_are_refused(text: str) -> None:
    with pytest.raises(InvalidSegmentError, match=r"beyond video\.mp4, which has 250 frames \(10\.00 s\)"):
        segments(text)


@pytest.mark.parametrize("text", ["5:5", "7:5", "4s:1s"])
def test_empty_segments_are_refused(text: str) -> None:
    with pytest.raises(InvalidSegmentError, match="is empty"):
        segments(text)


def test_an_image_has_no_segments() -> None:
    with pytest.raises(InvalidSegmentError, match=r"face\.jpg, which is an image"):
        segments("0:1", IMAGE)


def test_regions_are_parsed_and_resolved() -> None:
    assert parse_region("1,2,30,40").resolve(VIDEO) == Region(1, 2, 30, 40)
    assert parse_region("1, 2, 30, 40").resolve(IMAGE) == Region(1, 2, 30, 40)
    assert parse_region("1,2,30,40@5:10").resolve(VIDEO) == Region(1, 2, 30, 40, Segment(5, 10))
    assert parse_region("1,2,30,40@1s:").resolve(VIDEO) == Region(1, 2, 30, 40, Segment(25, 250))
    assert parse_region("0,0,640,360").resolve(VIDEO) == Region(0, 0, 640, 360)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1.5,2,3,4", "a,b,c,d", "1,2,0,4"])
def test_malformed_regions_are_refused(text: str) -> None:
    with pytest.raises(InvalidRegionError):
        parse_region(text)


@pytest.mark.parametrize("text", ["600,0,41,10", "0,350,10,11", "999999999,0,1,1"])
def test_regions_outside_the_frame_are_refused(text: str) -> None:
    with pytest.raises(InvalidRegionError, match="beyond the frame of 640x360"):
        parse_region(text).resolve(VIDEO)


def test_the_segment_of_a_region_is_checked_too() -> None:
    with pytest.raises(InvalidSegmentError, match="is malformed"):
        parse_region("1,2,3,4@5")
    with pytest.raises(InvalidSegmentError, match="beyond"):
        parse_region("1,2,3,4@5:251").resolve(VIDEO)
    with pytest.raises(InvalidSegmentError, match="is an image"):
        parse_region("1,2,3,4@0:1").resolve(IMAGE)
