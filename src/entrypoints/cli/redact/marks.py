"""Segments and regions as people type them: in frames, or in seconds with an ``s``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.ports import SourceInfo
from framecloak.domain.videos.segments import Region, Segment

_MOMENT = re.compile(r"(?P<frames>\d{1,9})|(?P<seconds>\d{1,9}(\.\d{1,9})?)s")
_AREA = re.compile(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})")

_SEGMENT_HINT = "write start:end in frames as 0:100 or in seconds as 1.5s:4s; the end itself is not included"
_REGION_HINT = "write x,y,width,height in pixels, and @start:end behind it for a part of the video only"

# A time is meant to hit a frame's border; this much of a frame beside it is rounding and not intent.
_ROUNDING = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in time: a number of frames, or of seconds."""

    value: Fraction
    in_seconds: bool

    def frames(self, rate: float, to_whole: Callable[[Fraction], int]) -> int:
        """The frame number at an average rate.

        Args:
            rate: frames a second.
            to_whole: rounds up or down.
        """
        if not self.in_seconds:
            return int(self.value)
        exact = self.value * Fraction(rate)
        nearest = round(exact)
        return nearest if abs(exact - nearest) < _ROUNDING else to_whole(exact)


@dataclass(frozen=True, slots=True)
class SegmentMark:
    """A stretch of time that is not yet tied to a video.

    Attributes:
        text: as typed.
        start: None for the beginning.
        end: None for the end of the video.
    """

    text: str
    start: Moment | None
    end: Moment | None

    def on(self, info: SourceInfo) -> Segment:
        """The frames of a video that it means; times are rounded so that none of them is lost.

        Raises:
            InvalidSegmentError: it is empty, reaches beyond the video, or the source is a picture.
        """
        if not info.continuous:
            raise InvalidSegmentError(
                f"segment {self.text} cannot apply to {info.name}, which is a picture",
                "redact pictures without segments, or in a run of their own",
            )
        start = self.start.frames(info.frame_rate, math.floor) if self.start else 0
        end = self.end.frames(info.frame_rate, math.ceil) if self.end else info.frame_count
        if self.end and self.end.in_seconds and end == info.frame_count + 1:
            # The last frame's duration is an estimate.
            end = info.frame_count
        if start >= info.frame_count or end > info.frame_count:
            raise InvalidSegmentError(
                f"segment {self.text} reaches beyond {info.name}, which has {info.frame_count} frames"
                f" ({info.duration:.2f} s)",
                f"stay within 0:{info.frame_count}",
            )
        if start >= end:
            raise InvalidSegmentError(f"segment {self.text} is empty", _SEGMENT_HINT)
        return Segment(start, end)


@dataclass(frozen=True, slots=True)
class RegionMark:
    """An area, perhaps with a stretch of time that is not yet tied to a video.

    Attributes:
        area: x, y, width, height in pixels.
        stretch: None for the whole source.
    """

    area: tuple[int, int, int, int]
    stretch: SegmentMark | None

    def on(self, info: SourceInfo) -> Region:
        """The region in a source.

        Raises:
            InvalidSegmentError: its stretch of time does not fit the source.
            InvalidRegionError: it reaches beyond the frame.
        """
        region = Region(*self.area, self.stretch.on(info) if self.stretch else None)
        region.require_within(info.width, info.height)
        return region


def parse_segments(text: str) -> tuple[SegmentMark, ...]:
    """Read segments separated by commas, as ``0:100,200:260`` or ``1.5s:4s,10s:``.

    Raises:
        InvalidSegmentError: one of them cannot be understood.
    """
    return tuple(_segment(part.strip()) for part in text.split(","))


def parse_region(text: str) -> RegionMark:
    """Read one region, as ``10,20,300,40`` or ``10,20,300,40@0s:2.5s``.

    Raises:
        InvalidRegionError: the area cannot be understood, or has no extent.
        InvalidSegmentError: the stretch of time cannot be understood.
    """
    area, at, stretch = text.replace(" ", "").partition("@")
    match = _AREA.fullmatch(area)
    if not match:
        raise InvalidRegionError(f"region {text!r} cannot be understood", _REGION_HINT)
    x, y, width, height = (int(number) for number in match.groups())
    Region(x, y, width, height)  # says what is wrong with the extent before any video is opened
    return RegionMark((x, y, width, height), _segment(stretch) if at else None)


def _segment(text: str) -> SegmentMark:
    start, colon, end = text.partition(":")
    if not colon:
        raise InvalidSegmentError(f"segment {text!r} cannot be understood", _SEGMENT_HINT)
    return SegmentMark(text, _moment(start, text), _moment(end, text))


def _moment(part: str, text: str) -> Moment | None:
    if not part.strip():
        return None
    match = _MOMENT.fullmatch(part.strip())
    if not match:
        raise InvalidSegmentError(f"segment {text!r} cannot be understood", _SEGMENT_HINT)
    if match["frames"]:
        return Moment(Fraction(match["frames"]), in_seconds=False)
    return Moment(Fraction(match["seconds"]), in_seconds=True)
