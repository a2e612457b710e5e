"""Parsers of segments and regions on the command line, in frames or in seconds (suffix ``s``)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.frames import SourceInfo

_TIME_POINT_PATTERN = re.compile(r"(?P<frames>\d{1,9})|(?P<seconds>\d{1,9}(\.\d{1,9})?)s")
_RECTANGLE_PATTERN = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})")

_SEGMENT_HINT = (
    "write start:end in frames, such as 0:100, or in seconds, such as 1.5s:4s; the end is excluded"
)
_REGION_HINT = "write x,y,width,height in pixels; append @start:end to limit it to a part of the video"

# Times are meant to be frame boundaries; a deviation of up to this fraction of a frame is a rounding error.
_ROUNDING_TOLERANCE = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class TimePoint:
    """Point in time, as a number of frames or of seconds.

    Attributes:
        value: number of frames or of seconds.
        in_seconds: True if the value is in seconds.
    """

    value: Fraction
    in_seconds: bool

    def frame_index(self, rate: float, rounding: Callable[[Fraction], int]) -> int:
        """Return the frame index at an average frame rate.

        Args:
            rate: frames per second.
            rounding: function that rounds up or down.
        """
        if not self.in_seconds:
            return int(self.value)
        exact = self.value * Fraction(rate)
        nearest = round(exact)
        return nearest if abs(exact - nearest) < _ROUNDING_TOLERANCE else rounding(exact)


@dataclass(frozen=True, slots=True)
class SegmentMark:
    """Segment that is not yet resolved for a video.

    Attributes:
        text: text as typed.
        start: start; None for the start of the video.
        end: end, exclusive; None for the end of the video.
    """

    text: str
    start: TimePoint | None
    end: TimePoint | None

    def resolve(self, info: SourceInfo) -> Segment:
        """Resolve the segment to frames of a video; times are rounded outwards.

        Raises:
            InvalidSegmentError: the segment is empty or exceeds the video, or the source is an image.
        """
        if not info.continuous:
            raise InvalidSegmentError(
                f"segment {self.text} does not apply to {info.name}, which is an image",
                "redact images in a separate run, without segments",
            )
        start = self.start.frame_index(info.frame_rate, math.floor) if self.start else 0
        end = self.end.frame_index(info.frame_rate, math.ceil) if self.end else info.frame_count
        if self.end and self.end.in_seconds and end == info.frame_count + 1:
            # The duration of the last frame is an estimate.
            end = info.frame_count
        if start >= info.frame_count or end > info.frame_count:
            raise InvalidSegmentError(
                f"segment {self.text} extends beyond {info.name}, which has {info.frame_count} frames"
                f" ({info.duration:.2f} s)",
                f"stay within 0:{info.frame_count}",
            )
        if start >= end:
            raise InvalidSegmentError(f"segment {self.text} is empty", _SEGMENT_HINT)
        return Segment(start, end)


@dataclass(frozen=True, slots=True)
class RegionMark:
    """Region, with an optional segment that is not yet resolved for a video.

    Attributes:
        rectangle: x, y, width, height in pixels.
        segment: segment in which the region applies; None for the whole source.
    """

    rectangle: tuple[int, int, int, int]
    segment: SegmentMark | None

    def resolve(self, info: SourceInfo) -> Region:
        """Resolve the region for a source.

        Raises:
            InvalidSegmentError: the segment does not fit the source.
            InvalidRegionError: the region exceeds the frame.
        """
        region = Region(*self.rectangle, self.segment.resolve(info) if self.segment else None)
        region.require_within(info.width, info.height)
        return region


def parse_segments(text: str) -> tuple[SegmentMark, ...]:
    """Parse segments separated by commas, such as ``0:100,200:260`` or ``1.5s:4s,10s:``.

    Raises:
        InvalidSegmentError: a segment is malformed.
    """
    return tuple(_segment(part.strip()) for part in text.split(","))


def parse_region(text: str) -> RegionMark:
    """Parse one region, such as ``10,20,300,40`` or ``10,20,300,40@0s:2.5s``.

    Raises:
        InvalidRegionError: the rectangle is malformed or empty.
        InvalidSegmentError: the segment is malformed.
    """
    area, separator, segment = text.replace(" ", "").partition("@")
    match = _RECTANGLE_PATTERN.fullmatch(area)
    if not match:
        raise InvalidRegionError(f"region {text!r} is malformed", _REGION_HINT)
    x, y, width, height = (int(number) for number in match.groups())
    Region(x, y, width, height)  # validates the size before any video is opened
    return RegionMark((x, y, width, height), _segment(segment) if separator else None)


def _segment(text: str) -> SegmentMark:
    start, colon, end = text.partition(":")
    if not colon:
        raise InvalidSegmentError(f"segment {text!r} is malformed", _SEGMENT_HINT)
    return SegmentMark(text, _time_point(start, text), _time_point(end, text))


def _time_point(part: str, text: str) -> TimePoint | None:
    if not part.strip():
        return None
    match = _TIME_POINT_PATTERN.fullmatch(part.strip())
    if not match:
        raise InvalidSegmentError(f"segment {text!r} is malformed", _SEGMENT_HINT)
    if match["frames"]:
        return TimePoint(Fraction(match["frames"]), in_seconds=False)
    return TimePoint(Fraction(match["seconds"]), in_seconds=True)
