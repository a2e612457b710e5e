"""Templates of orders: marks and options that apply to many videos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from framecloak.domain.errors import InvalidOptionError, InvalidSegmentError, TemplateMismatchError
from framecloak.domain.model.frame_scale import FrameScale
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import VideoFacts

MAX_TEMPLATE_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A time range of a template.

    Attributes:
        start: seconds from the beginning of a video.
        end: seconds from the beginning; None for the end of the video.
        label: display name of the segment.

    Raises:
        InvalidSegmentError: the range is empty, or begins before the video.
    """

    start: float
    end: float | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        ends_after_start = self.end is None or self.start < self.end < math.inf
        if not (0 <= self.start < math.inf and ends_after_start):
            raise InvalidSegmentError(
                "a time range of the template is empty or begins before the video",
                "give seconds with 0 <= start < end",
            )

    def segment_of(self, facts: VideoFacts) -> Segment | None:
        """Return the frames of the range in a video; None if the video ends before the range."""
        rate = facts.frame_rate
        if rate <= 0:
            return Segment(0, facts.frame_count) if self.start == 0 and self.end is None else None
        first = math.floor(self.start * rate)
        last = facts.frame_count if self.end is None else min(facts.frame_count, math.ceil(self.end * rate))
        return Segment(first, last) if first < last else None


@dataclass(frozen=True, slots=True)
class TemplateMarks:
    """Marks of a template.

    Attributes:
        segments: time ranges to mark; empty to take the segments of each video, or the whole video.
        regions: regions to redact in the whole video, in pixels of `frame_size`, each with a label or None.
        keep_text: regions in which text is kept, in pixels of `frame_size`.
        frame_size: width and height in pixels that the regions refer to; None without regions.

    Raises:
        InvalidOptionError: regions have no frame size, or are limited to frames.
        InvalidRegionError: a region reaches beyond the frame.
    """

    segments: tuple[TimeRange, ...] = ()
    regions: tuple[tuple[Region, str | None], ...] = ()
    keep_text: tuple[Region, ...] = ()
    frame_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        regions = [*(region for region, _ in self.regions), *self.keep_text]
        if not regions:
            return
        if self.frame_size is None or min(self.frame_size) < 1:
            raise InvalidOptionError(
                "regions of a template need the frame size that they refer to",
                "give frame_width and frame_height",
            )
        for region in regions:
            if region.segment is not None:
                raise InvalidOptionError(
                    "regions of a template apply to whole videos", "leave out their frames"
                )
            region.require_within(*self.frame_size)

    def segments_of(self, facts: VideoFacts) -> Sequence[tuple[Segment, str | None]]:
        """Return the segments of a video with their labels; empty if the template has none.

        Raises:
            TemplateMismatchError: the video ends before all ranges of the template.
        """
        found = [(segment, each.label) for each in self.segments if (segment := each.segment_of(facts))]
        if self.segments and not found:
            raise TemplateMismatchError(
                "the video ends before the first time range of the template",
                "mark the video by hand, or use another template",
            )
        return found

    def regions_of(self, facts: VideoFacts) -> Sequence[tuple[Region, str | None]]:
        """Return the regions in pixels of a video; scaled regions cover at least what they covered.

        Raises:
            TemplateMismatchError: the frames of the video have another shape.
        """
        if not self.regions:
            return ()
        scale = self._scale(facts)
        return [(scale.grown(region), label) for region, label in self.regions]

    def keep_text_of(self, facts: VideoFacts) -> tuple[Region, ...]:
        """Return the regions in which text is kept, in pixels of a video; scaled ones do not grow.

        Raises:
            TemplateMismatchError: the frames of the video have another shape.
        """
        if not self.keep_text:
            return ()
        scale = self._scale(facts)
        return tuple(shrunk for region in self.keep_text if (shrunk := scale.shrunk(region)))

    def _scale(self, facts: VideoFacts) -> FrameScale:
        width, height = self.frame_size or (facts.width, facts.height)
        scale = FrameScale.between((width, height), (facts.width, facts.height))
        if scale is None:
            raise TemplateMismatchError(
                f"the template is for frames of {width}x{height} pixels, "
                f"the video has {facts.width}x{facts.height}",
                "mark the video by hand, or use a template of the same shape",
            )
        return scale


@dataclass(frozen=True, slots=True)
class Template:
    """A stored template.

    Attributes:
        id: random id.
        owner_id: id of the account that created it.
        owner_name: user name of that account.
        name: display name.
        options: options of an order, as the API accepts them; opaque to the domain.
        marks: marks that are applied to each video.
        is_default: True for the template that the installation proposes to everybody.
        created_at: UTC.
        shared_with: user names of the accounts that may use it, sorted.
    """

    id: UUID
    owner_id: int
    owner_name: str
    name: str
    options: Mapping[str, object] = field(repr=False)
    marks: TemplateMarks
    is_default: bool
    created_at: datetime
    shared_with: tuple[str, ...] = ()


def clean_template_name(text: str) -> str:
    """Return a name with single blanks.

    Raises:
        InvalidOptionError: it is blank or too long.
    """
    name = " ".join(text.split())
    if not 1 <= len(name) <= MAX_TEMPLATE_NAME_LENGTH:
        raise InvalidOptionError(
            f"the name of a template has 1 to {MAX_TEMPLATE_NAME_LENGTH} characters", "choose another name"
        )
    return name
