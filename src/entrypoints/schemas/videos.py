"""Videos, what is marked on them, and who may use them."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.overlays.proposals import Proposal
from framecloak.domain.errors import InvalidRegionError, InvalidSegmentError
from framecloak.domain.videos.model import MarkedRegion, MarkedSegment, Video, VideoGrant
from framecloak.domain.videos.segments import Region, Segment
from framecloak.domain.videos.service import StartedUpload
from framecloak.entrypoints.schemas.common import Body, Id, Label, PageBase, View

Filename = Annotated[
    str,
    Meta(
        max_length=16384,
        description="What its owner calls it; folders and control characters are dropped, the rest is cut.",
        examples=["street.mp4"],
    ),
]
Frame = Annotated[int, Meta(description="Frames count from 0.", examples=[0])]
EndFrame = Annotated[int, Meta(description="The first frame that does not belong to it.", examples=[100])]
Seconds = Annotated[float, Meta(description="Moved to the nearest beginning of a frame.", examples=[4.0])]
Pixels = Annotated[int, Meta(description="In pixels of the displayed frame.", examples=[64])]


class VideoView(View, frozen=True, kw_only=True):
    """A stored video."""

    id: Annotated[int, Meta(examples=[123])]
    filename: Annotated[str, Meta(description="What its owner calls it.", examples=["street.mp4"])]
    sha256: Annotated[str, Meta(description="Hex digest of its bytes.")]
    size_bytes: Annotated[int, Meta(examples=[1048576])]
    width: Annotated[int, Meta(description="Pixels, as displayed.", examples=[1920])]
    height: Annotated[int, Meta(description="Pixels, as displayed.", examples=[1080])]
    frame_rate: Annotated[float, Meta(description="Average frames a second.", examples=[25.0])]
    frame_count: Annotated[int, Meta(examples=[250])]
    duration: Annotated[float, Meta(description="Seconds.", examples=[10.0])]
    rotation: Annotated[int, Meta(description="Degrees clockwise that show it upright.", examples=[0])]
    created_at: datetime
    access: Annotated[
        Literal["viewer", "editor", "owner"],
        Meta(
            description="What you may do: a viewer looks, an editor also marks and submits, an owner also"
            " shares and deletes.",
            examples=["owner"],
        ),
    ]
    is_own: Annotated[bool, Meta(description="Whether you uploaded it.", examples=[True])]

    @classmethod
    def of(cls, video: Video, caller: Principal) -> Self:
        """As shown to whoever may see it."""
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
        )


class VideoPage(PageBase, frozen=True, kw_only=True):
    """Videos, newest first."""

    items: list[VideoView]


class BeginUploadBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video that is to be put into the object store."""

    filename: Filename


class UploadView(View, frozen=True, kw_only=True):
    """Where to put the bytes of a video."""

    id: Annotated[str, Meta(description="To be completed when they are there.")]
    url: Annotated[str, Meta(description="Takes them by HTTP PUT.")]
    method: Annotated[Literal["PUT"], Meta(description="Always `PUT`.")] = "PUT"
    expires_at: datetime

    @classmethod
    def of(cls, started: StartedUpload) -> Self:
        """As shown to whoever asked for it."""
        return cls(id=started.upload.id, url=started.url, expires_at=started.upload.expires_at)


class _SegmentEnds(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ends of a stretch, each in frames or in seconds."""

    start_frame: Frame | UnsetType = UNSET
    end_frame: EndFrame | UnsetType = UNSET
    start_time: Seconds | UnsetType = UNSET
    end_time: Seconds | UnsetType = UNSET

    @property
    def in_seconds(self) -> bool:
        """Whether the video's frame rate is needed to make sense of it."""
        return self.start_time is not UNSET or self.end_time is not UNSET


class CreateSegmentBody(_SegmentEnds, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of a video: in frames, or in seconds."""

    label: Label | None = None

    def segment(self, frame_rate: float | None) -> Segment:
        """The frames that are meant.

        Args:
            frame_rate: of the video; None where everything is in frames.

        Raises:
            InvalidSegmentError: it is empty, or not said in one of the two ways.
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
    """What is to change about a segment; what is left out stays. A label of null is removed."""

    label: Label | UnsetType | None = UNSET

    def limits(self, frame_rate: float | None) -> tuple[int | None, int | None]:
        """First frame and end as they are to be; None for what stays.

        Args:
            frame_rate: of the video; None where everything is in frames.

        Raises:
            InvalidSegmentError: one end is given both in frames and in seconds.
        """
        start = _one_of(self.start_frame, self.start_time, frame_rate)
        return start, _one_of(self.end_frame, self.end_time, frame_rate)


class SegmentView(View, frozen=True, kw_only=True):
    """A marked stretch of a video: the frames from `start_frame` up to, and without, `end_frame`."""

    id: Annotated[int, Meta(examples=[1])]
    video_id: Annotated[int, Meta(examples=[123])]
    start_frame: Annotated[int, Meta(examples=[0])]
    end_frame: Annotated[int, Meta(examples=[100])]
    label: Annotated[str | None, Meta(examples=["interview"])]

    @classmethod
    def of(cls, marked: MarkedSegment) -> Self:
        """As shown to whoever may see the video."""
        return cls(
            id=marked.id,
            video_id=marked.video_id,
            start_frame=marked.segment.start_frame,
            end_frame=marked.segment.end_frame,
            label=marked.label,
        )


class AreaBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An area of the picture; in the whole video where no frames are given."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    start_frame: Frame | None = None
    end_frame: EndFrame | None = None

    def region(self) -> Region:
        """The area that is meant.

        Raises:
            InvalidRegionError: it has no extent, or only one end of a stretch.
            InvalidSegmentError: its stretch is empty.
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
    """An area that is redacted at every level; in the whole video where no frames are given."""

    label: Label | None = None


class AreaView(View, frozen=True, kw_only=True):
    """An area of the picture, for as long as it was meant."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    start_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]
    end_frame: Annotated[int | None, Meta(description="Null for the whole video.", examples=[None])]

    @classmethod
    def of(cls, region: Region) -> Self:
        """As it was ordered."""
        return cls(**_placed(region))


class RegionView(View, frozen=True, kw_only=True):
    """A marked area of a video."""

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
        """As shown to whoever may see the video."""
        return cls(id=marked.id, video_id=marked.video_id, label=marked.label, **_placed(marked.region))


class ProposedRegion(View, frozen=True, kw_only=True):
    """A body for `createRegion`, ready to be sent."""

    x: Pixels
    y: Pixels
    width: Pixels
    height: Pixels
    label: Annotated[str, Meta(description="What people call it; to be changed.", examples=["text overlay"])]


class ProposalView(View, frozen=True, kw_only=True):
    """An area that never moves while the picture does."""

    region: Annotated[ProposedRegion, Meta(description="Send it to `createRegion` to accept it.")]
    confidence: Annotated[float, Meta(description="That it is an overlay, in 0 to 1.", examples=[0.97])]
    reason: Annotated[
        Literal["text", "drawing"],
        Meta(
            description="`text`: something is written in it. `drawing`: lines stand still, as of a logo.",
            examples=["text"],
        ),
    ]

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        """As shown to whoever may mark the video."""
        area = proposal.region
        region = ProposedRegion(
            x=area.x, y=area.y, width=area.width, height=area.height, label=proposal.label
        )
        return cls(region=region, confidence=proposal.confidence, reason=proposal.reason)


class PutGrantBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody else may do with a video."""

    user_id: Annotated[Id, Meta(description="Number of the account.", examples=[2])]
    role: Annotated[
        Literal["viewer", "editor"],
        Meta(description="A viewer looks; an editor also marks and submits.", examples=["viewer"]),
    ]


class GrantView(View, frozen=True, kw_only=True):
    """What an account may do with a video of somebody else."""

    user_id: Annotated[int, Meta(examples=[2])]
    username: Annotated[
        str | None,
        Meta(
            description="For administrators; null for others, to whom a number must not give away a name.",
            examples=["grace"],
        ),
    ]
    role: Annotated[Literal["viewer", "editor", "owner"], Meta(examples=["viewer"])]

    @classmethod
    def of(cls, grant: VideoGrant, caller: Principal) -> Self:
        """As shown to the owner, who knows the number, or to an administrator."""
        username = grant.username if caller.is_admin else None
        return cls(user_id=grant.user_id, username=username, role=grant.role.value)


def nearest_frame(seconds: float, frame_rate: float) -> int:
    """The frame that begins nearest to a time; the later one when two are as near.

    Raises:
        InvalidSegmentError: there is no such moment in any video.
    """
    frames = seconds * frame_rate
    if not math.isfinite(frames):
        raise InvalidSegmentError(f"no video has a moment {seconds}", "give seconds from the beginning")
    return math.floor(frames + 0.5)


def _one_of(frame: int | UnsetType, seconds: float | UnsetType, frame_rate: float | None) -> int | None:
    match (frame, seconds):
        case UnsetType(), UnsetType():
            return None
        case int(number), UnsetType():
            return number
        case UnsetType(), float(moment) if frame_rate is not None:
            return nearest_frame(moment, frame_rate)
    raise InvalidSegmentError("an end is given in frames and in seconds", "give one of them")


def _placed(region: Region) -> dict[str, Any]:
    """Where an area is, and in which frames."""
    segment = region.segment
    return {
        "x": region.x,
        "y": region.y,
        "width": region.width,
        "height": region.height,
        "start_frame": segment.start_frame if segment else None,
        "end_frame": segment.end_frame if segment else None,
    }
