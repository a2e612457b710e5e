"""Segments and regions of a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """The frames ``[start_frame, end_frame)`` of a video.

    Raises:
        InvalidSegmentError: the segment is empty or begins before frame 0.
    """

    start_frame: int
    end_frame: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_frame < self.end_frame:
            raise InvalidSegmentError(
                f"segment {self} is empty or begins before frame 0",
                "give start:end with 0 <= start < end; the end frame itself is not included",
            )

    def __str__(self) -> str:
        return f"{self.start_frame}:{self.end_frame}"

    def __len__(self) -> int:
        return self.end_frame - self.start_frame

    def require_within(self, frame_count: int) -> None:
        """Require that the segment ends within the video.

        Raises:
            InvalidSegmentError: the segment reaches beyond the video.
        """
        if self.end_frame > frame_count:
            raise InvalidSegmentError(
                f"segment {self} reaches beyond the video, which has {frame_count} frames",
                f"end it at {frame_count} or before",
            )


def union(segments: Iterable[Segment]) -> list[Segment]:
    """Merge segments into disjoint, ascending ones, so that no frame is processed twice."""
    joined: list[Segment] = []
    for segment in sorted(segments):
        if joined and segment.start_frame <= joined[-1].end_frame:
            end = max(joined[-1].end_frame, segment.end_frame)
            joined[-1] = Segment(joined[-1].start_frame, end)
        else:
            joined.append(segment)
    return joined


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle marked by hand, in pixels of the displayed frame.

    Attributes:
        x, y: upper left corner.
        width, height: Size.
        segment: frames that the region applies to; None for the whole video.

    Raises:
        InvalidRegionError: the region is empty or begins outside the frame.
    """

    x: int
    y: int
    width: int
    height: int
    segment: Segment | None = None

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise InvalidRegionError(
                f"region {self} is empty or begins outside the frame",
                "give x,y,width,height in pixels with x, y >= 0 and width, height >= 1",
            )

    def __str__(self) -> str:
        area = f"{self.x},{self.y},{self.width},{self.height}"
        return f"{area}@{self.segment}" if self.segment else area

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Corners ``x1, y1, x2, y2``."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def applies_to(self, frame: int) -> bool:
        """Return True if the region applies to the frame with this index."""
        return self.segment is None or self.segment.start_frame <= frame < self.segment.end_frame

    def require_within(self, width: int, height: int) -> None:
        """Require that the region lies within the frame.

        Raises:
            InvalidRegionError: the region reaches beyond the frame.
        """
        if self.x + self.width > width or self.y + self.height > height:
            raise InvalidRegionError(
                f"region {self} reaches beyond the frame of {width}x{height} pixels",
                "keep x + width and y + height inside the frame",
            )


def require_within(
    segments: Sequence[Segment],
    regions: Sequence[Region],
    *,
    size: tuple[int, int],
    frame_count: int,
) -> None:
    """Require that segments and regions fit a video.

    Args:
        segments: time segments.
        regions: regions, which may have segments of their own.
        size: width and height of the displayed frame in pixels.
        frame_count: number of frames of the video.

    Raises:
        InvalidSegmentError: a segment, or the segment of a region, reaches beyond the video.
        InvalidRegionError: a region reaches beyond the frame.
    """
    for segment in segments:
        segment.require_within(frame_count)
    for region in regions:
        region.require_within(*size)
        if region.segment:
            region.segment.require_within(frame_count)
