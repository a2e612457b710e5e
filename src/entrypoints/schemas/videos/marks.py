"""Schemas of segments and regions of videos, marked or proposed."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.anonymization.overlays.proposals import OverlayProposal
from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import MarkedRegion, MarkedSegment
from framecloak.domain.videos.marks import CopiedMarks
from framecloak.entrypoints.schemas.common import Body, Label, View

Frame = Annotated[int, Meta(description="Index of the first frame, from 0.", examples=[0])]
EndFrame = Annotated[int, Meta(description="Index after the last frame (exclusive).", examples=[100])]
Seconds = Annotated[float, Meta(description="Seconds, rounded to the nearest frame.", examples=[4.0])]
Pixels = Annotated[int, Meta(description="Pixels of the displayed frame.", examples=[64])]


class _SegmentEnds(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start and end of a range, each in frames or in seconds."""

    start_frame: Frame | UnsetType = UNSET
    end_frame: EndFrame | UnsetType = UNSET
    start_time: Seconds | UnsetType = UNSET
    end_time: Seconds | UnsetType = UNSET

    @property
    def uses_seconds(self) -> bool:
        """True if an end is given in seconds, so that the frame rate of the video is needed."""
        return self.start_time is not UNSET or self.end_time is not UNSET


class CreateSegmentBody(_SegmentEnds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A segment to create, in frames or in seconds."""

    label: Label | None = None

    def segment(self, frame_rate: float | None) -> Segment:
        """Return the segment in frames.

        Args:
            frame_rate: frame rate of the video; None if both ends are in frames.

        Raises:
            InvalidSegmentError: the segment is empty, or not given in one of the two units.
        """
        match (self.start_frame, self.end_frame, self.start_time, self.end_time):
            case int(start), int(end), UnsetType(), UnsetType():
                return Segment(start, end)
            case UnsetType(), UnsetType(), float(start_time), float(end_time) if frame_rate is not None:
                return Segment(nearest_frame(start_time, frame_rate), nearest_frame(end_time, frame_rate))
        raise InvalidSegmentError(
            "a segment has a start and an end", "give start_frame and end_frame, or start_time and end_time"
        )


class ChangeSegmentBody(_SegmentEnds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a segment; omitted fields stay unchanged. A label of null removes the label."""

    label: Label | UnsetType | None = UNSET

    def new_range(self, frame_rate: float | None) -> tuple[int | None, int | None]:
        """Return the new start and end frame; None for an end that stays unchanged.

        Args:
            frame_rate: frame rate of the video; None if both ends are in frames.

        Raises:
            InvalidSegmentError: one end is given both in frames and in seconds.
        """
        start = _frame_of(self.start_frame, self.start_time, frame_rate)
        return start, _frame_of(self.end_frame, self.end_time, frame_rate)


class SegmentView(View, frozen=True, kw_only=True):
    """A segment of a video: the frames from `start_frame` up to but excluding `end_frame`."""

    id: Annotated[int, Meta(examples=[1])]
    video_id: Annotated[int, Meta(examples=[123])]
    start_frame: Annotated[int, Meta(examples=[0])]
    end_frame: Annotated[int, Meta(examples=[100])]
    label: Annotated[str | None, Meta(examples=["interview"])]

    @classmethod
    def of(cls, marked: MarkedSegment) -> Self:
        """Build the view of a segment."""
        return cls(
            id=marked.id,
            video_id=marked.video_id,
            start_frame=marked.segment.start_frame,
            end_frame=marked.segment.end_frame,
            label=marked.label,
        )


class AreaBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region of the frame; in the whole video if no frames are given."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    start_frame: Frame | None = None
    end_frame: EndFrame | None = None

    def region(self) -> Region:
        """Return the region.

        Raises:
            InvalidRegionError: the region is empty, or has only one end of its range of frames.
            InvalidSegmentError: the range of frames is empty.
        """
        match (self.start_frame, self.end_frame):
            case None, None:
                segment = None
            case int(start), int(end):
                segment = Segment(start, end)
            case _:
                raise InvalidRegionError(
                    "a region has both start_frame and end_frame, or neither", "give both or leave both out"
                )
        return Region(self.x, self.y, self.width, self.height, segment)


class CreateRegionBody(AreaBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region that is redacted at every level; in the whole video if no frames are given."""

    label: Label | None = None


class AreaView(View, frozen=True, kw_only=True):
    """A region of the frame in a range of frames."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    start_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]
    end_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]

    @classmethod
    def of(cls, region: Region) -> Self:
        """Build the view of a region of a request."""
        return cls(**_region_fields(region))


class RegionView(View, frozen=True, kw_only=True):
    """A marked region of a video."""

    id: Annotated[int, Meta(examples=[1])]
    video_id: Annotated[int, Meta(examples=[123])]
    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    start_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]
    end_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]
    label: Annotated[str | None, Meta(examples=["name badge"])]

    @classmethod
    def of(cls, marked: MarkedRegion) -> Self:
        """Build the view of a marked region."""
        return cls(
            id=marked.id, video_id=marked.video_id, label=marked.label, **_region_fields(marked.region)
        )


class CopyMarksBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video whose marks are copied."""

    from_video: Annotated[int, Meta(description="Id of the video to copy from.", examples=[123])]
    segments: Annotated[bool, Meta(description="Whether to copy segments.", examples=[True])] = True
    regions: Annotated[
        bool, Meta(description="Whether to copy regions, and return `keep_text`.", examples=[True])
    ] = True


class CopiedMarksView(View, frozen=True, kw_only=True):
    """The marks that were added."""

    segments: list[SegmentView]
    regions: list[RegionView]
    keep_text: Annotated[
        list[AreaView],
        Meta(
            description="Areas in which your latest request for the other video keeps text, for `keep_text`"
            " of a request for this one; not stored."
        ),
    ]

    @classmethod
    def of(cls, copied: CopiedMarks) -> Self:
        """Build the view of copied marks."""
        return cls(
            segments=[SegmentView.of(each) for each in copied.segments],
            regions=[RegionView.of(each) for each in copied.regions],
            keep_text=[AreaView.of(each) for each in copied.kept_text],
        )


class ProposedRegion(View, frozen=True, kw_only=True):
    """A body for `createRegion`."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    label: Annotated[str, Meta(description="Suggested display name.", examples=["text overlay"])]


class ProposalView(View, frozen=True, kw_only=True):
    """A region that stays constant while the rest of the frame changes."""

    region: Annotated[ProposedRegion, Meta(description="Send it to `createRegion` to accept it.")]
    confidence: Annotated[float, Meta(description="Confidence of an overlay, 0 to 1.", examples=[0.97])]
    stillness: Annotated[
        float,
        Meta(
            description="Share of the lines and letters in the region that do not change, 0 to 1; little"
            " where text stays in place over a moving image.",
            examples=[0.97],
        ),
    ]
    reason: Annotated[
        Literal["text", "drawing"],
        Meta(
            description="`text`: the region contains text. `drawing`: it contains lines, such as a logo.",
            examples=["text"],
        ),
    ]

    @classmethod
    def of(cls, proposal: OverlayProposal) -> Self:
        """Build the view of a proposal."""
        area = proposal.region
        region = ProposedRegion(
            x=area.x, y=area.y, width=area.width, height=area.height, label=proposal.label
        )
        return cls(
            region=region,
            confidence=proposal.confidence,
            stillness=proposal.stillness,
            reason=proposal.reason,
        )


class SearchProgressView(View, frozen=True, kw_only=True):
    """Progress of a search for overlays."""

    done: Annotated[int, Meta(description="Frames that were analysed.", examples=[12])]
    total: Annotated[
        int, Meta(description="Frames to analyse; 0 while the search waits to begin.", examples=[24])
    ]


class SearchEventView(View, frozen=True, kw_only=True):
    """A server-sent event of a search for overlays."""

    event: Annotated[
        Literal["progress", "proposals", "problem"],
        Meta(description="`proposals` and `problem` end the stream."),
    ]
    data: Annotated[
        str,
        Meta(description="JSON: `done` and `total`, the response of `proposeRegions`, or problem details."),
    ]


def nearest_frame(seconds: float, frame_rate: float) -> int:
    """Return the frame whose start is nearest to a time; the later one of two equally near frames.

    Raises:
        InvalidSegmentError: the time is not finite.
    """
    frames = seconds * frame_rate
    if not math.isfinite(frames):
        raise InvalidSegmentError(f"{seconds} is not a time in a video", "give seconds from its start")
    return math.floor(frames + 0.5)


def _frame_of(frame: int | UnsetType, seconds: float | UnsetType, frame_rate: float | None) -> int | None:
    match (frame, seconds):
        case UnsetType(), UnsetType():
            return None
        case int(number), UnsetType():
            return number
        case UnsetType(), float(moment) if frame_rate is not None:
            return nearest_frame(moment, frame_rate)
    raise InvalidSegmentError("an end is given both in frames and in seconds", "give one of them")


def _region_fields(region: Region) -> dict[str, Any]:
    """Return the fields of a region and its range of frames."""
    segment = region.segment
    return {
        "x": region.x,
        "y": region.y,
        "width": region.width,
        "height": region.height,
        "start_frame": segment.start_frame if segment else None,
        "end_frame": segment.end_frame if segment else None,
    }
