"""Stored videos."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from framecloak.domain.errors import FrameNotFoundError
from framecloak.domain.videos.model import Video
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.console import names_tag
from framecloak.entrypoints.http.dependencies import Caller, TheCollection
from framecloak.entrypoints.http.openapi import UploadOperation, problems
from framecloak.entrypoints.http.transport.uploads import incoming_video
from framecloak.entrypoints.schemas.common import Limit, Offset, VideoId
from framecloak.entrypoints.schemas.videos import BeginUploadBody, UploadView, VideoPage, VideoView

MAX_PREVIEW_WIDTH = 8192
"""Pixels; no frame is enlarged beyond what it is."""

FRAMES_KEPT = "private, no-cache"
"""Frames never change, and scrubbing comes back to them. A browser that kept one asks before it shows it
again, as whoever it was for may have signed out by then."""

CREDENTIALS = "Cookie, Authorization, X-API-Key"
"""Headers that decide who sees a frame."""

_TAG = ResponseHeader("ETag", documentation_only=True, description="For `If-None-Match`.")
_UNCHANGED = ResponseSpec(
    None, generate_examples=False, description="It is the one that `If-None-Match` names; without a body."
)
_FRAME_NAME = re.compile(r"([0-9]{1,18})\.jpg")
_UNREADABLE = (
    "unreadable_video",
    "image_too_large",
)
_STORE = ("storage_unavailable", "storage_full")

Filename = Annotated[
    str, QueryParameter(max_length=16384, description="What its owner calls it, where the body is the video.")
]
FrameName = Annotated[str, PathParameter(description="Number of the frame, from 0, and `.jpg`.")]
Width = Annotated[
    int | None,
    QueryParameter(
        ge=16, le=MAX_PREVIEW_WIDTH, description="Pixels to shrink it to; its own size by default."
    ),
]


class VideosController(Controller):
    """Upload, look at and delete videos."""

    path = "/api/videos"
    tags = ("Videos",)

    @post(
        "/",
        operation_id="uploadVideo",
        summary="Upload a video",
        operation_class=UploadOperation,
        request_max_body_size=None,
        responses=problems(
            *_UNREADABLE,
            *_STORE,
            "upload_too_large",
            "upload_incomplete",
            "invalid_option",
            writes=True,
            body=True,
        ),
    )
    async def upload(
        self, request: ApiRequest, caller: Caller, collection: TheCollection, filename: Filename = ""
    ) -> VideoView:
        """Streams the body into the store while hashing it; nothing is kept when it is no video."""
        incoming = await incoming_video(request, filename, collection.max_upload_bytes)
        return VideoView.of(await collection.upload(caller, incoming.filename, incoming.chunks), caller)

    @post(
        "/uploads",
        operation_id="beginUpload",
        summary="Begin an upload past the API",
        responses=problems(*_STORE, writes=True, body=True),
    )
    async def begin_upload(
        self, data: JSONBody[BeginUploadBody], caller: Caller, collection: TheCollection
    ) -> UploadView:
        """An address that takes the video by PUT, for an hour; then complete the upload."""
        return UploadView.of(await collection.begin_upload(caller, data.filename))

    @post(
        "/uploads/{upload_id:str}/complete",
        operation_id="completeUpload",
        summary="Complete an upload",
        responses=problems(
            *_UNREADABLE, *_STORE, "upload_not_found", "upload_too_large", writes=True, parameters=True
        ),
    )
    async def complete_upload(
        self,
        upload_id: Annotated[str, PathParameter(max_length=100, description="From where it was begun.")],
        caller: Caller,
        collection: TheCollection,
    ) -> VideoView:
        """Turns what was PUT into a video; nothing is kept when it is none."""
        return VideoView.of(await collection.complete_upload(caller, upload_id), caller)

    @get("/", operation_id="listVideos", summary="List videos", responses=problems(parameters=True))
    async def list_videos(
        self, caller: Caller, collection: TheCollection, limit: Limit = 20, offset: Offset = 0
    ) -> VideoPage:
        """Your own videos and those you were granted, newest first; all of them for administrators."""
        page = await collection.list(caller, limit, offset)
        items = [VideoView.of(video, caller) for video in page.items]
        return VideoPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/{video_id:int}",
        operation_id="getVideo",
        summary="Look at a video's facts",
        responses=problems("video_not_found", parameters=True),
    )
    async def get_video(self, video_id: VideoId, caller: Caller, collection: TheCollection) -> VideoView:
        """What it is, as found when it was uploaded."""
        return VideoView.of(await collection.get(caller, video_id), caller)

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
    async def delete_video(self, video_id: VideoId, caller: Caller, collection: TheCollection) -> None:
        """Deletes its bytes and everything marked on it; for its owner."""
        await collection.delete(caller, video_id)

    @get(
        "/{video_id:int}/frames/{name:str}",
        operation_id="getFrame",
        summary="Look at an original frame",
        media_type="image/jpeg",
        response_headers=[_TAG],
        responses={
            304: _UNCHANGED,
            **problems("video_not_found", "frame_not_found", *_STORE, parameters=True),
        },
    )
    async def frame(
        self,
        video_id: VideoId,
        name: FrameName,
        request: ApiRequest,
        caller: Caller,
        collection: TheCollection,
        width: Width = None,
    ) -> Response[bytes]:
        """One frame before anonymisation, for marking."""
        video = await collection.get(caller, video_id)
        number = _FRAME_NAME.fullmatch(name)
        if number is None:
            raise FrameNotFoundError(f"there is no frame {name}", "ask for one as 0.jpg")
        index = int(number[1])
        tag = frame_tag(video, index, width)
        headers = {"Cache-Control": FRAMES_KEPT, "ETag": tag, "Vary": CREDENTIALS}
        if index < video.facts.frame_count and names_tag(request.headers.get("if-none-match", ""), tag):
            return NegotiatedResponse(b"", status_code=304, media_type="image/jpeg", headers=headers)
        picture = await collection.frame(caller, video_id, index, width)
        return NegotiatedResponse(picture, media_type="image/jpeg", headers=headers)


def frame_tag(video: Video, index: int, width: int | None) -> str:
    """What tells a frame, at a width, from all others; the digest of the video cannot be told from it."""
    return f'"{sha256(f"{video.facts.sha256}:{index}:{width}".encode()).hexdigest()[:32]}"'
