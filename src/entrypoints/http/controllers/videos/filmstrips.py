"""Controller of filmstrips: thumbnails of a whole video in one image."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from litestar import Controller, Response, get
from litestar.datastructures import ResponseHeader
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter

from framecloak.domain.videos.filmstrips import MAX_THUMBNAILS, FilmstripService
from framecloak.domain.videos.service import VideoService
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest, NegotiatedResponse
from framecloak.entrypoints.http.console import matches_etag
from framecloak.entrypoints.http.controllers.videos.videos import CREDENTIAL_HEADERS, FRAME_CACHE_CONTROL
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import VideoId

DEFAULT_THUMBNAILS = 16
_JPEG = "image/jpeg"

Thumbnails = Annotated[
    int,
    QueryParameter(
        ge=1,
        le=MAX_THUMBNAILS,
        description="Number of thumbnails; a video with fewer frames has one per frame.",
    ),
]


class FilmstripsController(Controller):
    """Endpoint of the thumbnails of a video."""

    path = "/api/videos/{video_id:int}/filmstrip"
    tags = ("Videos",)

    @get(
        "/",
        operation_id="getFilmstrip",
        summary="Get thumbnails of a video",
        media_type=_JPEG,
        response_headers=[
            ResponseHeader("ETag", documentation_only=True, description="Entity tag, for `If-None-Match`.")
        ],
        responses={
            304: ResponseSpec(
                None,
                generate_examples=False,
                description="The client's copy, named by `If-None-Match`, is current; no body.",
            ),
            **problems(
                "video_not_found",
                "original_damaged",
                "unreadable_video",
                "storage_unavailable",
                "storage_full",
                parameters=True,
            ),
        },
    )
    async def filmstrip(
        self,
        video_id: VideoId,
        request: ApiRequest,
        caller: Caller,
        videos: Injected[VideoService],
        filmstrips: Injected[FilmstripService],
        thumbnails: Thumbnails = DEFAULT_THUMBNAILS,
    ) -> Response[bytes]:
        """Return original frames of equal parts of the video, side by side in one image 72 pixels high."""
        digest = (await videos.get(caller, video_id)).facts.sha256
        # The tag does not disclose the digest of the video.
        tag = f'"{sha256(f"{digest}:filmstrip:{thumbnails}".encode()).hexdigest()[:32]}"'
        headers = {"Cache-Control": FRAME_CACHE_CONTROL, "ETag": tag, "Vary": CREDENTIAL_HEADERS}
        if matches_etag(request.headers.get("if-none-match", ""), tag):
            return NegotiatedResponse(b"", status_code=304, media_type=_JPEG, headers=headers)
        image = await filmstrips.filmstrip(caller, video_id, thumbnails)
        return NegotiatedResponse(image, media_type=_JPEG, headers=headers)
