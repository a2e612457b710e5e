"""Controller of reviews: results frame by frame, and rendering them again with edited boxes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import ResponseHeader, State
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from framecloak.domain.anonymization.model.box_table import MAX_INT32
from framecloak.domain.anonymization.requests.resubmit import RerenderService
from framecloak.domain.anonymization.review.service import ResultEntry, ReviewService
from framecloak.domain.model.accounts import Principal
from framecloak.entrypoints.asgi.access_log import set_log_subject
from framecloak.entrypoints.asgi.content_negotiation import JSON, MSGPACK, ApiRequest, prefers_msgpack
from framecloak.entrypoints.http.console import matches_etag
from framecloak.entrypoints.http.controllers.requests import IdempotencyKey, log_submission
from framecloak.entrypoints.http.controllers.videos.videos import (
    CREDENTIAL_HEADERS,
    FRAME_CACHE_CONTROL,
    Width,
)
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import Limit, Offset, RequestId
from framecloak.entrypoints.schemas.orders import SubmittedView
from framecloak.entrypoints.schemas.reviews import BoxesView, FrameRiskView, RenderBody, ReviewPage
from framecloak.entrypoints.schemas.text import TextTrackPage, TextTrackView

MAX_EDIT_BYTES = 8 << 20
"""Maximum size of a body with edits, which holds more than 100,000 boxes."""

MAX_FRAMES_PER_RESPONSE = 1000
"""Maximum number of frames in a response with boxes."""

MAX_TEXTS_PER_RESPONSE = 1000
"""Maximum number of tracks in a response with text."""

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)
"""Content security policy of a report: styles and images are inline, and the console may embed it."""

_MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "html": "text/html",
    "json": JSON,
}
_ETAG_HEADER = ResponseHeader("ETag", documentation_only=True, description="Entity tag, for `If-None-Match`.")
_NOT_MODIFIED = ResponseSpec(
    None,
    generate_examples=False,
    description="The client's copy, named by `If-None-Match`, is current; no body.",
)
_RESULT_PROBLEMS = ("request_not_found", "forbidden", "not_ready", "result_damaged", "storage_unavailable")

FrameIndex = Annotated[
    int, PathParameter(ge=0, le=MAX_INT32, description="Index of the frame in the video, from 0.")
]
StartFrame = Annotated[int, QueryParameter(ge=0, le=MAX_INT32, description="Index of the first frame.")]
FrameCount = Annotated[
    int, QueryParameter(ge=1, le=MAX_FRAMES_PER_RESPONSE, description="Maximum number of frames.")
]

TextCount = Annotated[
    int, QueryParameter(ge=1, le=MAX_TEXTS_PER_RESPONSE, description="Maximum number of tracks.")
]


class ReviewsController(Controller):
    """Endpoints to review a result without a download, and to render it again with edited boxes."""

    path = "/api/frames/anonymize/{request_id:uuid}"
    tags = ("Frame anonymization",)

    @get(
        "/frames/{index:int}",
        operation_id="getRedactedFrame",
        summary="Get a redacted frame",
        media_type="image/*",
        response_headers=[_ETAG_HEADER],
        responses={
            304: _NOT_MODIFIED,
            **problems(*_RESULT_PROBLEMS, "frame_not_found", "storage_full", parameters=True),
        },
    )
    async def frame(
        self,
        request_id: RequestId,
        index: FrameIndex,
        request: ApiRequest,
        caller: Caller,
        reviews: Injected[ReviewService],
        width: Width = None,
    ) -> Response[bytes]:
        """Return a frame of the result; as JPEG if it is from a video or shrunk. No download link is used."""
        entry = await reviews.frame(caller, request_id, index, width)
        return await _entry_response(entry, request_id, request, caller, reviews)

    @get(
        "/manifest",
        operation_id="getManifest",
        summary="Get the manifest of a result",
        response_headers=[_ETAG_HEADER],
        responses={304: _NOT_MODIFIED, **problems(*_RESULT_PROBLEMS, parameters=True)},
    )
    async def manifest(
        self, request_id: RequestId, request: ApiRequest, caller: Caller, reviews: Injected[ReviewService]
    ) -> Response[dict[str, Any]]:
        """Return the manifest of all redactions. As JSON it is byte-identical to the signed file."""
        entry = await reviews.manifest(caller, request_id)
        return await _entry_response(entry, request_id, request, caller, reviews)

    @get(
        "/report",
        operation_id="getReport",
        summary="Get the report of a result",
        media_type="text/html",
        response_headers=[_ETAG_HEADER],
        responses={304: _NOT_MODIFIED, **problems(*_RESULT_PROBLEMS, parameters=True)},
    )
    async def report(
        self, request_id: RequestId, request: ApiRequest, caller: Caller, reviews: Injected[ReviewService]
    ) -> Response[bytes]:
        """Return the report for data-protection officers, an HTML page without scripts."""
        entry = await reviews.report(caller, request_id)
        response = await _entry_response(entry, request_id, request, caller, reviews)
        response.headers["Content-Security-Policy"] = REPORT_POLICY
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response

    @get(
        "/review",
        operation_id="listFramesByRisk",
        summary="List frames by risk",
        responses=problems(*_RESULT_PROBLEMS, parameters=True),
    )
    async def review(
        self,
        request_id: RequestId,
        caller: Caller,
        reviews: Injected[ReviewService],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> ReviewPage:
        """Return all frames of a result, highest risk first.

        The order is: blanked frames, frames with a face found by the residual check, then frames with
        interpolated, extrapolated and uncertain boxes.
        """
        page = await reviews.riskiest(caller, request_id, limit, offset)
        items = [FrameRiskView.of(risk) for risk in page.items]
        return ReviewPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/boxes",
        operation_id="listBoxes",
        summary="List boxes by frame",
        responses=problems(*_RESULT_PROBLEMS, parameters=True),
    )
    async def boxes(
        self,
        request_id: RequestId,
        caller: Caller,
        reviews: Injected[ReviewService],
        start_frame: StartFrame = 0,
        limit: FrameCount = 100,
    ) -> BoxesView:
        """Return the redacted boxes of consecutive frames, and the ranges of frames of the result."""
        return BoxesView.of(await reviews.frames_from(caller, request_id, start_frame, limit))

    @get(
        "/texts",
        operation_id="listTexts",
        summary="List text by track",
        responses=problems(*_RESULT_PROBLEMS, parameters=True),
    )
    async def texts(
        self,
        request_id: RequestId,
        caller: Caller,
        reviews: Injected[ReviewService],
        limit: TextCount = 100,
        offset: Offset = 0,
    ) -> TextTrackPage:
        """Return the tracks of text that the text policy decided on, those that are readable first."""
        page = await reviews.texts(caller, request_id, limit, offset)
        items = [TextTrackView.of(track) for track in page.items]
        return TextTrackPage(items=items, total=page.total, limit=limit, offset=offset)

    @post(
        "/render",
        operation_id="renderResult",
        summary="Render a result again with edited boxes",
        status_code=202,
        request_max_body_size=MAX_EDIT_BYTES,
        responses=problems(
            *_RESULT_PROBLEMS,
            "video_not_found",
            "invalid_manifest",
            "manifest_mismatch",
            "too_many_boxes",
            "invalid_format",
            "invalid_option",
            "queue_unavailable",
            "idempotency_conflict",
            writes=True,
            body=True,
        ),
    )
    async def render(
        self,
        request_id: RequestId,
        data: JSONBody[RenderBody],
        caller: Caller,
        rerenders: Injected[RerenderService],
        request: Request[Principal, Any, State],
        idempotency_key: IdempotencyKey = None,
    ) -> SubmittedView:
        """Create a request that redacts the same frames at the given boxes, without any detection.

        Its manifest names the request that the boxes come from. The body may have at most 8 MiB.
        """
        submitted = await rerenders.submit(caller, request_id, data.to_domain(), idempotency_key)
        log_submission(submitted)
        set_log_subject(request.scope, submitted.request.id)
        return SubmittedView.of(submitted)


async def _entry_response(
    entry: ResultEntry, request_id: RequestId, request: ApiRequest, caller: Principal, reviews: ReviewService
) -> Response[Any]:
    """Return an entry of a result, or 304 if the client has it already."""
    as_msgpack = entry.suffix == "json" and prefers_msgpack(request)
    tag = f'"{entry.tag}{"-msgpack" if as_msgpack else ""}"'
    media_type = MSGPACK if as_msgpack else _MEDIA_TYPES[entry.suffix]
    headers = {"Cache-Control": FRAME_CACHE_CONTROL, "ETag": tag, "Vary": f"Accept, {CREDENTIAL_HEADERS}"}
    if matches_etag(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, media_type=media_type, headers=headers)
    data = await reviews.read(caller, request_id, entry)
    content = msgspec.msgpack.encode(msgspec.json.decode(data)) if as_msgpack else data
    return Response(content, media_type=media_type, headers=headers)
