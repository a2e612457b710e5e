"""Controller of stored videos."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated

from litestar import Controller, Response, delete, get, patch, post
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET

from framecloak.domain.errors import FrameNotFoundError
from framecloak.domain.model.videos import Video, VideoFilter, VideoOrder, VideoState
from framecloak.domain.videos.service import VideoService
from framecloak.domain.videos.uploads import UploadService
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.body_operations import UploadOperation
from framecloak.entrypoints.http.console import matches_etag
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.uploads import incoming_video
from framecloak.entrypoints.schemas.common import Limit, Offset, VideoId
from framecloak.entrypoints.schemas.videos.videos import (
    BeginUploadBody,
    DescribeVideoBody,
    TagView,
    UploadView,
    VideoPage,
    VideoView,
)

MAX_PREVIEW_WIDTH = 8192
"""Maximum width of a preview in pixels; frames are never enlarged."""

FRAME_CACHE_CONTROL = "private, no-cache"
"""Cache-Control of frames, which never change and are viewed repeatedly. Browsers revalidate a cached frame
before showing it, because its user may have signed out."""

CREDENTIAL_HEADERS = "Cookie, Authorization, X-API-Key"
"""Headers that determine access to a frame."""

_ETAG_HEADER = ResponseHeader("ETag", documentation_only=True, description="Entity tag, for `If-None-Match`.")
_NOT_MODIFIED = ResponseSpec(
    None,
    generate_examples=False,
    description="The client's copy, named by `If-None-Match`, is current; no body.",
)
_FRAME_NAME = re.compile(r"([0-9]{1,18})\.jpg")
_VIDEO_PROBLEMS = (
    "unreadable_video",
    "image_too_large",
)
_STORE_PROBLEMS = ("storage_unavailable", "storage_full")

Filename = Annotated[
    str, QueryParameter(max_length=16384, description="File name, if the body is the video.")
]
FrameName = Annotated[str, PathParameter(description="Index of the frame, from 0, followed by `.jpg`.")]
Width = Annotated[
    int | None,
    QueryParameter(
        ge=16, le=MAX_PREVIEW_WIDTH, description="Width in pixels to shrink to; original size by default."
    ),
]


class VideosController(Controller):
    """Endpoints of videos."""

    path = "/api/videos"
    tags = ("Videos",)

    @post(
        "/",
        operation_id="uploadVideo",
        summary="Upload a video",
        operation_class=UploadOperation,
        request_max_body_size=None,
        responses=problems(
            *_VIDEO_PROBLEMS,
            *_STORE_PROBLEMS,
            "upload_too_large",
            "upload_incomplete",
            "invalid_option",
            writes=True,
            body=True,
        ),
    )
    async def upload(
        self, request: ApiRequest, caller: Caller, uploads: Injected[UploadService], filename: Filename = ""
    ) -> VideoView:
        """Upload a video; nothing is kept if the body is not a valid video."""
        incoming = await incoming_video(request, filename, uploads.max_upload_bytes)
        return VideoView.of(await uploads.upload(caller, incoming.filename, incoming.chunks), caller)

    @post(
        "/uploads",
        operation_id="beginUpload",
        summary="Begin a direct upload to the object store",
        responses=problems(*_STORE_PROBLEMS, writes=True, body=True),
    )
    async def begin_upload(
        self, data: JSONBody[BeginUploadBody], caller: Caller, uploads: Injected[UploadService]
    ) -> UploadView:
        """Return a URL that accepts the video by PUT for one hour; complete the upload afterwards."""
        return UploadView.of(await uploads.begin_upload(caller, data.filename))

    @post(
        "/uploads/{upload_id:str}/complete",
        operation_id="completeUpload",
        summary="Complete an upload",
        responses=problems(
            *_VIDEO_PROBLEMS,
            *_STORE_PROBLEMS,
            "upload_not_found",
            "upload_too_large",
            writes=True,
            parameters=True,
        ),
    )
    async def complete_upload(
        self,
        upload_id: Annotated[
            str, PathParameter(max_length=100, description="Id of the upload, from `beginUpload`.")
        ],
        caller: Caller,
        uploads: Injected[UploadService],
    ) -> VideoView:
        """Create a video from an uploaded file; nothing is kept if it is not a valid video."""
        return VideoView.of(await uploads.complete_upload(caller, upload_id), caller)

    @get("/", operation_id="listVideos", summary="List videos", responses=problems(parameters=True))
    async def list_videos(
        self,
        caller: Caller,
        videos: Injected[VideoService],
        q: Annotated[
            str | None,
            QueryParameter(
                max_length=200,
                description=(
                    "Words, all of which occur in title, file name, tags or the reference of a request; "
                    "case is ignored."
                ),
            ),
        ] = None,
        tag: Annotated[
            str | None, QueryParameter(max_length=200, description="Only videos with this tag.")
        ] = None,
        state_of_work: Annotated[
            VideoState | None, QueryParameter(name="state", description="Only videos in this state.")
        ] = None,
        sort: Annotated[VideoOrder, QueryParameter(description="Order of the list.")] = VideoOrder.NEWEST,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> VideoPage:
        """Return your videos and those shared with you; all videos for administrators."""
        page = await videos.list(caller, limit, offset, VideoFilter(q, tag, state_of_work), sort)
        items = [VideoView.of(video, caller) for video in page.items]
        return VideoPage(items=items, total=page.total, limit=limit, offset=offset)

    @get("/tags", operation_id="listTags", summary="List tags", responses=problems())
    async def list_tags(self, caller: Caller, videos: Injected[VideoService]) -> list[TagView]:
        """Return the tags of all videos that you may see."""
        return [TagView(tag=tag, videos=count) for tag, count in (await videos.tags(caller)).items()]

    @patch(
        "/{video_id:int}",
        operation_id="describeVideo",
        summary="Change title and tags",
        responses=problems("video_not_found", "forbidden", "invalid_option", writes=True, body=True),
    )
    async def describe_video(
        self,
        video_id: VideoId,
        data: JSONBody[DescribeVideoBody],
        caller: Caller,
        videos: Injected[VideoService],
    ) -> VideoView:
        """Rename a video or change its tags; for its owner and editors."""
        title = None if data.title is UNSET else data.title or ""
        tags = None if data.tags is UNSET else data.tags
        return VideoView.of(await videos.describe(caller, video_id, title=title, tags=tags), caller)

    @get(
        "/{video_id:int}",
        operation_id="getVideo",
        summary="Get a video",
        responses=problems("video_not_found", parameters=True),
    )
    async def get_video(self, video_id: VideoId, caller: Caller, videos: Injected[VideoService]) -> VideoView:
        """Return the properties of a video, determined at its upload."""
        return VideoView.of(await videos.get(caller, video_id), caller)

    @delete(
        "/{video_id:int}",
        operation_id="deleteVideo",
        summary="Delete a video",
        responses=problems(
            "video_not_found",
            "forbidden",
            "video_in_use",
            "storage_unavailable",
            writes=True,
            parameters=True,
        ),
    )
    async def delete_video(self, video_id: VideoId, caller: Caller, videos: Injected[VideoService]) -> None:
        """Delete a video with its segments and regions; for its owner and administrators."""
        await videos.delete(caller, video_id)

    @get(
        "/{video_id:int}/frames/{name:str}",
        operation_id="getFrame",
        summary="Get an original frame",
        media_type="image/jpeg",
        response_headers=[_ETAG_HEADER],
        responses={
            304: _NOT_MODIFIED,
            **problems(
                "video_not_found",
                "frame_not_found",
                "frame_damaged",
                "original_damaged",
                *_STORE_PROBLEMS,
                parameters=True,
            ),
        },
    )
    async def frame(
        self,
        video_id: VideoId,
        name: FrameName,
        request: ApiRequest,
        caller: Caller,
        videos: Injected[VideoService],
        width: Width = None,
    ) -> Response[bytes]:
        """Return a frame before anonymisation, for marking."""
        video = await videos.get(caller, video_id)
        match = _FRAME_NAME.fullmatch(name)
        if match is None:
            raise FrameNotFoundError(f"there is no frame {name}", "request a frame by its index, as in 0.jpg")
        index = int(match[1])
        tag = frame_etag(video, index, width)
        headers = {"Cache-Control": FRAME_CACHE_CONTROL, "ETag": tag, "Vary": CREDENTIAL_HEADERS}
        if index < video.facts.frame_count and matches_etag(request.headers.get("if-none-match", ""), tag):
            return NegotiatedResponse(b"", status_code=304, media_type="image/jpeg", headers=headers)
        image = await videos.frame(caller, video_id, index, width)
        return NegotiatedResponse(image, media_type="image/jpeg", headers=headers)


def frame_etag(video: Video, index: int, width: int | None) -> str:
    """Return the entity tag of a frame at a width, which does not disclose the digest of the video."""
    return f'"{sha256(f"{video.facts.sha256}:{index}:{width}".encode()).hexdigest()[:32]}"'
