"""Results, to be looked over frame by frame and rendered again with edited boxes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import ResponseHeader, State
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.box_table import LARGEST
from framecloak.domain.anonymization.review.service import Piece, Reviewing
from framecloak.entrypoints.asgi.access_log import name_subject
from framecloak.entrypoints.asgi.content_negotiation import JSON, MSGPACK, ApiRequest, prefers_msgpack
from framecloak.entrypoints.http.console import names_tag
from framecloak.entrypoints.http.controllers.requests import IdempotencyKey, tell
from framecloak.entrypoints.http.controllers.videos import CREDENTIALS, FRAMES_KEPT, Width
from framecloak.entrypoints.http.dependencies import Caller, TheResubmissions, TheReviewing
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import Limit, Offset, RequestId
from framecloak.entrypoints.schemas.orders import SubmittedView
from framecloak.entrypoints.schemas.reviews import BoxesView, FrameRiskView, RenderBody, ReviewPage

MAX_EDIT_BYTES = 8 << 20
"""Of a body with edits: a hundred thousand boxes and more."""

MOST_FRAMES_AT_ONCE = 1000
"""Whose boxes are answered in one go."""

REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)
"""A report has all of its style and pictures in itself; our own pages may show it in a frame."""

_MEDIA_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "html": "text/html",
    "json": JSON,
}
_TAG = ResponseHeader("ETag", documentation_only=True, description="For `If-None-Match`.")
_UNCHANGED = ResponseSpec(
    None, generate_examples=False, description="It is the one that `If-None-Match` names; without a body."
)
_RESULT = ("request_not_found", "not_ready", "storage_unavailable")

FrameIndex = Annotated[
    int, PathParameter(ge=0, le=LARGEST, description="Number of the frame in the video, from 0.")
]
StartFrame = Annotated[
    int, QueryParameter(ge=0, le=LARGEST, description="Number of the first frame that is wanted.")
]
FrameCount = Annotated[
    int, QueryParameter(ge=1, le=MOST_FRAMES_AT_ONCE, description="How many frames, at most.")
]


class ReviewsController(Controller):
    """Look a result over without downloading it, and have it made again with other boxes."""

    path = "/api/frames/anonymize/{request_id:uuid}"
    tags = ("Frame anonymization",)

    @get(
        "/frames/{index:int}",
        operation_id="getRedactedFrame",
        summary="Look at a redacted frame",
        media_type="image/*",
        response_headers=[_TAG],
        responses={
            304: _UNCHANGED,
            **problems(*_RESULT, "frame_not_found", "storage_full", parameters=True),
        },
    )
    async def frame(
        self,
        request_id: RequestId,
        index: FrameIndex,
        request: ApiRequest,
        caller: Caller,
        reviewing: TheReviewing,
        width: Width = None,
    ) -> Response[bytes]:
        """One frame as it is in the result; of a film or shrunk, as JPEG. No download link is used up."""
        piece = await reviewing.frame(caller, request_id, index, width)
        return await _handed_out(piece, request_id, request, caller, reviewing)

    @get(
        "/manifest",
        operation_id="getManifest",
        summary="Read the manifest of a result",
        response_headers=[_TAG],
        responses={304: _UNCHANGED, **problems(*_RESULT, parameters=True)},
    )
    async def manifest(
        self, request_id: RequestId, request: ApiRequest, caller: Caller, reviewing: TheReviewing
    ) -> Response[dict[str, Any]]:
        """What was redacted where, and why. As JSON it is what was signed, byte by byte."""
        piece = await reviewing.manifest(caller, request_id)
        return await _handed_out(piece, request_id, request, caller, reviewing)

    @get(
        "/report",
        operation_id="getReport",
        summary="Read the report of a result",
        media_type="text/html",
        response_headers=[_TAG],
        responses={304: _UNCHANGED, **problems(*_RESULT, parameters=True)},
    )
    async def report(
        self, request_id: RequestId, request: ApiRequest, caller: Caller, reviewing: TheReviewing
    ) -> Response[bytes]:
        """The page for data-protection officers, without scripts."""
        piece = await reviewing.report(caller, request_id)
        answer = await _handed_out(piece, request_id, request, caller, reviewing)
        answer.headers["Content-Security-Policy"] = REPORT_POLICY
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        return answer

    @get(
        "/review",
        operation_id="listFramesByRisk",
        summary="List frames by risk",
        responses=problems(*_RESULT, parameters=True),
    )
    async def review(
        self,
        request_id: RequestId,
        caller: Caller,
        reviewing: TheReviewing,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> ReviewPage:
        """All frames of a result, those with the weakest evidence first.

        Black ones, then those with a face that the first search missed, filled, extended, unsure.
        """
        page = await reviewing.riskiest(caller, request_id, limit, offset)
        items = [FrameRiskView.of(risk) for risk in page.items]
        return ReviewPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/boxes",
        operation_id="listBoxes",
        summary="List boxes by frame",
        responses=problems(*_RESULT, parameters=True),
    )
    async def boxes(
        self,
        request_id: RequestId,
        caller: Caller,
        reviewing: TheReviewing,
        start_frame: StartFrame = 0,
        limit: FrameCount = 100,
    ) -> BoxesView:
        """What is redacted in frames that follow each other, and which frames there are."""
        return BoxesView.of(await reviewing.following(caller, request_id, start_frame, limit))

    @post(
        "/render",
        operation_id="renderResult",
        summary="Render a result again with edited boxes",
        status_code=202,
        request_max_body_size=MAX_EDIT_BYTES,
        responses=problems(
            *_RESULT,
            "video_not_found",
            "forbidden",
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
        resubmissions: TheResubmissions,
        request: Request[Principal, Any, State],
        idempotency_key: IdempotencyKey = None,
    ) -> SubmittedView:
        """A new request, for the same frames: redacted where the boxes are, without looking for anything.

        Its manifest names the one that the boxes come from. Bodies have at most 8 MiB.
        """
        submitted = await resubmissions.submit(caller, request_id, data.rework(), idempotency_key)
        tell(submitted)
        name_subject(request.scope, submitted.request.id)
        return SubmittedView.of(submitted)


async def _handed_out(
    piece: Piece, request_id: RequestId, request: ApiRequest, caller: Principal, reviewing: Reviewing
) -> Response[Any]:
    """A piece of a result, unless the caller has it already."""
    packed = piece.suffix == "json" and prefers_msgpack(request)
    tag = f'"{piece.tag}{"-msgpack" if packed else ""}"'
    media_type = MSGPACK if packed else _MEDIA_TYPES[piece.suffix]
    headers = {"Cache-Control": FRAMES_KEPT, "ETag": tag, "Vary": f"Accept, {CREDENTIALS}"}
    if names_tag(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, media_type=media_type, headers=headers)
    data = await reviewing.read(caller, request_id, piece)
    content = msgspec.msgpack.encode(msgspec.json.decode(data)) if packed else data
    return Response(content, media_type=media_type, headers=headers)
