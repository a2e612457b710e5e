"""Schemas of videos and uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import Video, VideoState
from framecloak.domain.videos.uploads import StartedUpload
from framecloak.entrypoints.schemas.common import NO_NUL, Body, PageBase, View

Filename = Annotated[
    str,
    Meta(
        max_length=16384,
        description="File name; folders and control characters are removed, and long names are shortened.",
        examples=["street.mp4"],
    ),
]


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
            description="Display name; null for the file name. In results only by `TITLES_IN_RESULTS`.",
            examples=["Theatre 2"],
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
