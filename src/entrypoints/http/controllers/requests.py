"""Orders for anonymised frames."""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Any, TypeAlias

from litestar import Controller, Request, delete, get, post
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.params import BodyKwarg, HeaderParameter, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.submit import Submissions, Submitted
from framecloak.domain.errors import DomainError
from framecloak.domain.ports.database import RequestFilter
from framecloak.entrypoints.asgi.access_log import name_subject
from framecloak.entrypoints.asgi.content_negotiation import BatchDTO, convert
from framecloak.entrypoints.asgi.problem_details import InvalidBodyError, domain_problem, invalid_body_problem
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import (
    Caller,
    TheAnonymization,
    TheAuthenticator,
    TheBoard,
    TheConfig,
    TheSubmissions,
)
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.server_sent_events import EVENT_STREAM, EventFeed, settled
from framecloak.entrypoints.schemas.common import MAX_ID, Limit, Offset, RequestId
from framecloak.entrypoints.schemas.options import OptionsView
from framecloak.entrypoints.schemas.orders import BatchResult, SubmitBody, SubmittedView
from framecloak.entrypoints.schemas.problems import FieldError
from framecloak.entrypoints.schemas.requests import (
    CancelledView,
    EventView,
    RequestPage,
    RequestView,
    StatusView,
)

logger = logging.getLogger(__name__)

MOST_ORDERS = 100
"""Orders in one batch."""

_ORDER_PROBLEMS = (
    "video_not_found",
    "forbidden",
    "invalid_segments",
    "invalid_level",
    "invalid_format",
    "invalid_option",
    "invalid_region",
    "invalid_segment",
    "level_unavailable",
    "gallery_not_found",
    "gallery_key_missing",
    "model_mismatch",
    "model_missing",
    "too_many_frames",
    "queue_unavailable",
)

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Chosen by you; the same key with the same order gives the request of the first time.",
    ),
]
"""Of a batch it is one for every order, by its place."""
Orders: TypeAlias = SkipValidation[
    Annotated[list[SubmitBody], BodyKwarg(max_items=MOST_ORDERS, description="At most 100 orders.")]
]
VideoFilter = Annotated[int | None, QueryParameter(ge=1, le=MAX_ID, description="Those of one video.")]
StatusFilter = Annotated[Status | None, QueryParameter(description="Those that stand so.")]


class RequestsController(Controller):
    """Submit orders for anonymised frames, follow and cancel them."""

    path = "/api/frames/anonymize"
    tags = ("Frame anonymization",)

    @post(
        "/",
        operation_id="submitRequest",
        summary="Submit an order",
        status_code=202,
        responses=problems(*_ORDER_PROBLEMS, "idempotency_conflict", writes=True, body=True),
    )
    async def submit(
        self,
        data: JSONBody[SubmitBody],
        caller: Caller,
        submissions: TheSubmissions,
        config: TheConfig,
        request: Request[Principal, Any, State],
        idempotency_key: IdempotencyKey = None,
    ) -> SubmittedView:
        """Frames of the named segments, as they and the video's regions are now, are redacted and zipped."""
        order = data.order(
            config.default_level, config.default_format, config.default_language, config.default_verify
        )
        submitted = await submissions.submit(caller, order, idempotency_key)
        tell(submitted)
        name_subject(request.scope, submitted.request.id)
        return SubmittedView.of(submitted)

    @post(
        "/batch",
        operation_id="submitBatch",
        summary="Submit several orders",
        status_code=202,
        dto=BatchDTO,
        responses=problems(writes=True, body=True),
    )
    async def submit_batch(
        self,
        data: Orders,
        caller: Caller,
        submissions: TheSubmissions,
        config: TheConfig,
        idempotency_key: IdempotencyKey = None,
    ) -> list[BatchResult]:
        """Each is accepted or rejected for itself; one bad order does not stop the others.

        With an idempotency key, the same batch sent again gives the requests of the first time.
        """
        if len(data) > MOST_ORDERS:
            raise InvalidBodyError((FieldError(field="", message=f"Expected at most {MOST_ORDERS} orders"),))
        # A blank cannot be in a key, so that no key of a batch is one of a single order.
        keys = [idempotency_key and f"{idempotency_key} {index}" for index in range(len(data))]
        return [
            await _submitted(index, item, caller, submissions, config, keys[index])
            for index, item in enumerate(data)
        ]

    @get(
        "/options",
        operation_id="getOptions",
        summary="Ask what an order may say",
        responses=problems(),
    )
    async def options(self, submissions: TheSubmissions, config: TheConfig) -> OptionsView:
        """Defaults and limits of this installation, and what an estimate of time is made from."""
        return OptionsView.of(await submissions.outlook(), config)

    @get(
        "/requests",
        operation_id="listRequests",
        summary="List requests",
        responses=problems(parameters=True),
    )
    async def list_requests(
        self,
        caller: Caller,
        anonymization: TheAnonymization,
        video_id: VideoFilter = None,
        status: StatusFilter = None,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> RequestPage:
        """Your own, newest first; all of them for administrators."""
        page = await anonymization.list(caller, RequestFilter(video_id, status), limit, offset)
        items = [RequestView.of(request) for request in page.items]
        return RequestPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/requests/{request_id:uuid}",
        operation_id="getRequest",
        summary="Look at a request",
        responses=problems("request_not_found"),
    )
    async def get_request(
        self, request_id: RequestId, caller: Caller, anonymization: TheAnonymization
    ) -> RequestView:
        """What was ordered, and what has become of it."""
        return RequestView.of((await anonymization.status(caller, request_id)).request)

    @get(
        "/status/{request_id:uuid}",
        operation_id="getRequestStatus",
        summary="Ask where a request stands",
        responses=problems("request_not_found"),
    )
    async def status(
        self,
        request_id: RequestId,
        caller: Caller,
        anonymization: TheAnonymization,
        board: TheBoard,
        config: TheConfig,
    ) -> StatusView:
        """Progress in whole percent, frames done, and seconds left.

        A request that was submitted a moment ago is about to be taken up: who asks then is answered once it
        is, or after two seconds.
        """
        return StatusView.of(await settled(anonymization, board, config, caller, request_id))

    @get(
        "/events/{request_id:uuid}",
        operation_id="followRequest",
        summary="Follow a request",
        responses={
            200: ResponseSpec(
                EventView,
                media_type=EVENT_STREAM,
                generate_examples=False,
                description="Server-sent events; the data of each is what `getRequestStatus` answers.",
            ),
            **problems("request_not_found"),
        },
    )
    async def events(
        self,
        request_id: RequestId,
        caller: Caller,
        anonymization: TheAnonymization,
        board: TheBoard,
        authenticator: TheAuthenticator,
        config: TheConfig,
        request: Request[Principal, Any, State],
    ) -> Stream:
        """The current state at once, then every change, until a final state; a comment every 15 seconds."""
        identify = partial(authenticator.identify, request)
        feed = EventFeed(anonymization, board, config, request_id, identify)
        # Asked before the stream begins, so that an error can still be answered as one.
        await anonymization.status(caller, request_id)
        return Stream(feed.messages(), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})

    @delete(
        "/{request_id:uuid}",
        operation_id="cancelRequest",
        summary="Cancel a request",
        status_code=200,
        responses=problems("request_not_found", "already_finished", "storage_unavailable", writes=True),
    )
    async def cancel(
        self, request_id: RequestId, caller: Caller, anonymization: TheAnonymization
    ) -> CancelledView:
        """Work on it stops, and what was made of it is removed."""
        await anonymization.cancel(caller, request_id)
        return CancelledView()


async def _submitted(
    index: int,
    item: object,
    caller: Principal,
    submissions: Submissions,
    config: HttpConfig,
    idempotency_key: str | None,
) -> BatchResult:
    try:
        order = convert(item, SubmitBody).order(
            config.default_level, config.default_format, config.default_language, config.default_verify
        )
        submitted = await submissions.submit(caller, order, idempotency_key)
    except InvalidBodyError as error:
        return BatchResult(index=index, status="rejected", error=invalid_body_problem(error))
    except DomainError as error:
        return BatchResult(index=index, status="rejected", error=domain_problem(error))
    tell(submitted)
    return BatchResult(index=index, status="accepted", request_id=submitted.request.id)


def tell(submitted: Submitted) -> None:
    """Log what leads from the id of the HTTP request, which all lines here carry, to the worker's lines."""
    request = submitted.request
    facts = {
        "request_id": request.id,
        "video_id": request.order.video_id,
        "frames": request.total_frames,
        "priority": request.order.priority,
    }
    logger.info("submitted", extra=facts)
