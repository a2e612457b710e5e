"""Schemas of videos, segments, marked regions and access grants."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.anonymization.overlays.proposals import OverlayProposal
from framecloak.domain.errors import InvalidOptionError, InvalidRegionError, InvalidSegmentError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import MarkedRegion, MarkedSegment, Video, VideoGrant, VideoState
from framecloak.domain.videos.service import StartedUpload
from framecloak.entrypoints.schemas.common import NO_NUL, Body, Id, Label, PageBase, View

Filename = Annotated[
    str,
    Meta(
        max_length=16384,
        description="File name; folders and control characters are removed, and long names are shortened.",
        examples=["street.mp4"],
    ),
]
Frame = Annotated[int, Meta(description="Index of the first frame, from 0.", examples=[0])]
EndFrame = Annotated[int, Meta(description="Index after the last frame (exclusive).", examples=[100])]
Seconds = Annotated[float, Meta(description="Seconds, rounded to the nearest frame.", examples=[4.0])]
Pixels = Annotated[int, Meta(description="Pixels of the displayed frame.", examples=[64])]


class VideoView(View, frozen=True, kw_only=True):
    """A stored video."""

    id: Annotated[int, Meta(examples=[123])]
    filename: Annotated[str, Meta(description="File name.", examples=["street.mp4"])]
    sha256: Annotated[str, Meta(description="SHA-256 of the file, in hexadecimal.")]
    size_bytes: Annotated[int, Meta(examples=[1048576])]
    width: Annotated[int, Meta(description="Displayed width in pixels.", examples=[1920])]
    height: Annotated[int, Meta(description="Displayed height in pixels.", examples=[1080])]
    frame_rate: Annotated[float, Meta(description="Average frames per second.", examples=[25.0])]
    frame_count: Annotated[int, Meta(examples=[250])]
    duration: Annotated[float, Meta(description="Duration in seconds.", examples=[10.0])]
    rotation: Annotated[int, Meta(description="Degrees clockwise to display it upright.", examples=[0])]
    created_at: datetime
    access: Annotated[
        Literal["viewer", "editor", "owner"],
        Meta(
            description="Your access: a viewer may view the video, an editor may also mark it and submit"
            " requests, an owner may also share and delete it.",
            examples=["owner"],
        ),
    ]
    is_own: Annotated[bool, Meta(description="Whether you uploaded it.", examples=[True])]
    title: Annotated[
        str | None,
        Meta(
            description="Display name; null for the file name. Not part of results.", examples=["Theatre 2"]
        ),
    ]
    tags: Annotated[list[str], Meta(description="Labels for searching, sorted.", examples=[["ward 3"]])]
    state: Annotated[
        VideoState,
        Meta(
            description=(
                "Progress of the work, by marks and your latest request: `ready` is a result that awaits "
                "review, `released` one that was released."
            ),
            examples=["new"],
        ),
    ]

    @classmethod
    def of(cls, video: Video, caller: Principal) -> Self:
        """Build the view of a video for a caller."""
        facts = video.facts
        return cls(
            id=video.id,
            filename=video.filename,
            sha256=facts.sha256,
            size_bytes=facts.size_bytes,
            width=facts.width,
            height=facts.height,
            frame_rate=facts.frame_rate,
            frame_count=facts.frame_count,
            duration=facts.duration,
            rotation=facts.rotation,
            created_at=video.created_at,
            access=video.access.value,
            is_own=video.owner_id == caller.user_id,
            title=video.title,
            tags=list(video.tags),
            state=video.state,
        )


class DescribeVideoBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a video; omitted fields stay unchanged. A title of null removes the title."""

    title: (
        Annotated[
            str,
            Meta(
                max_length=1000,
                pattern=NO_NUL,
                description="Display name, up to 200 characters.",
                examples=["Theatre 2"],
            ),
        ]
        | UnsetType
        | None
    ) = UNSET
    tags: (
        Annotated[
            list[Annotated[str, Meta(max_length=200, pattern=NO_NUL)]],
            Meta(
                max_length=100,
                description="Up to 20 labels of up to 40 characters, without commas.",
                examples=[["ward 3"]],
            ),
        ]
        | UnsetType
    ) = UNSET


class TagView(View, frozen=True, kw_only=True):
    """A tag."""

    tag: Annotated[str, Meta(examples=["ward 3"])]
    videos: Annotated[int, Meta(description="Number of videos with it that you may see.", examples=[20])]


class VideoPage(PageBase, frozen=True, kw_only=True):
    """Videos, in the requested order."""

    items: list[VideoView]


class BeginUploadBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to upload to the object store."""

    filename: Filename


class UploadView(View, frozen=True, kw_only=True):
    """Target of the upload of a video."""

    id: Annotated[str, Meta(description="Id of the upload, to complete it after the transfer.")]
    url: Annotated[str, Meta(description="URL that accepts the file by HTTP PUT.")]
    method: Annotated[Literal["PUT"], Meta(description="Always `PUT`.")] = "PUT"
    expires_at: datetime

    @classmethod
    def of(cls, started: StartedUpload) -> Self:
        """Build the view of a started upload."""
        return cls(id=started.upload.id, url=started.url, expires_at=started.upload.expires_at)


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
        return cls(region=region, confidence=proposal.confidence, reason=proposal.reason)


class PutGrantBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Access to a video to grant to another account."""

    user_id: Annotated[
        Id | None, Meta(description="Id of the account; give it or `username`.", examples=[2])
    ] = None
    username: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=150,
                description="User name of the account; give it or `user_id`.",
                examples=["grace"],
            ),
        ]
        | None
    ) = None
    role: Annotated[
        Literal["viewer", "editor"],
        Meta(description="A viewer may view; an editor may also mark and submit.", examples=["viewer"]),
    ]

    def account(self) -> int | str:
        """Return the id or the user name of the account.

        Raises:
            InvalidOptionError: both are given, or none.
        """
        given: list[int | str] = [each for each in (self.user_id, self.username) if each is not None]
        if len(given) != 1:
            raise InvalidOptionError("the grant must name one account", "give user_id or username")
        return given[0]


class GrantView(View, frozen=True, kw_only=True):
    """Access of an account to a video of another owner."""

    user_id: Annotated[int, Meta(examples=[2])]
    username: Annotated[
        str | None,
        Meta(
            description="User name, for administrators only; null for other callers.",
            examples=["grace"],
        ),
    ]
    role: Annotated[Literal["viewer", "editor", "owner"], Meta(examples=["viewer"])]

    @classmethod
    def of(cls, grant: VideoGrant, caller: Principal) -> Self:
        """Build the view of a grant; only administrators see the user name."""
        username = grant.username if caller.is_admin else None
        return cls(user_id=grant.user_id, username=username, role=grant.role.value)


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
