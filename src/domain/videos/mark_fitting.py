"""Marks of one video carried over to another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from framecloak.domain.errors import MarksTooLateError, OtherFrameShapeError
from framecloak.domain.model.frame_scale import FrameScale
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import VideoFacts

_ROUNDING = 1e-6
"""Frames by which a converted limit may be beside a whole one, from the arithmetic alone."""


@dataclass(frozen=True, slots=True)
class MarkFitting:
    """Conversion of marks from one video to another.

    Times stay the same in seconds, and what reaches to the end of one video reaches to the end of the other.
    Regions are scaled to frames of the same shape.

    Attributes:
        source: properties of the video whose marks are copied.
        target: properties of the video that receives them.
    """

    source: VideoFacts
    target: VideoFacts

    def segment(self, segment: Segment) -> Segment:
        """Return the frames at the same time; where frames do not coincide, they include all of that time.

        Raises:
            MarksTooLateError: the segment ends after the target video.
        """
        first = math.floor(segment.start_frame * self._rate + _ROUNDING)
        last = math.ceil(segment.end_frame * self._rate - _ROUNDING)
        return self._within(segment, first, last)

    def region(self, region: Region) -> Region:
        """Return a region that covers at least the same part of the frame at the same time.

        Raises:
            OtherFrameShapeError: the frames have different shapes.
            MarksTooLateError: the frames of the region end after the target video.
        """
        segment = region.segment and self.segment(region.segment)
        return replace(self._scale.grown(region), segment=segment)

    def kept_region(self, region: Region) -> Region | None:
        """Return a region in which text is kept, which covers no more; None if nothing remains.

        Raises:
            OtherFrameShapeError: the frames have different shapes.
            MarksTooLateError: the frames of the region end after the target video.
        """
        area = self._scale.shrunk(region)
        if area is None or region.segment is None:
            return area
        first = math.ceil(region.segment.start_frame * self._rate - _ROUNDING)
        last = math.floor(region.segment.end_frame * self._rate + _ROUNDING)
        return replace(area, segment=self._within(region.segment, first, last)) if first < last else None

    @property
    def _rate(self) -> float:
        """Frames of the target per frame of the source; 1 if a video has no frame rate."""
        source, target = self.source.frame_rate, self.target.frame_rate
        return target / source if source > 0 and target > 0 else 1.0

    @property
    def _scale(self) -> FrameScale:
        source, target = (self.source.width, self.source.height), (self.target.width, self.target.height)
        scale = FrameScale.between(source, target)
        if scale is None:
            raise OtherFrameShapeError(
                f"the regions are for frames of {source[0]}x{source[1]} pixels, the video has "
                f"{target[0]}x{target[1]}",
                "copy only the segments, or mark the regions by hand",
            )
        return scale

    def _within(self, marked: Segment, first: int, last: int) -> Segment:
        frames = self.target.frame_count
        if marked.end_frame == self.source.frame_count:
            last = frames
        if first >= frames or last > frames:
            raise MarksTooLateError(
                f"frames {marked} of the other video end after this one, which has {frames} frames",
                "leave out what is limited to these frames, or mark it by hand",
            )
        return Segment(first, last)
