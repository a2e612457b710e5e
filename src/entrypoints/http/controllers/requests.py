"""Controller of anonymisation requests."""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated, Any, TypeAlias

from litestar import Controller, Request, delete, get, post
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.params import BodyKwarg, HeaderParameter, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream

from framecloak.domain.anonymization.model.orders.submissions import Submitted
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.requests.service import RequestService
from framecloak.domain.anonymization.requests.submit import SubmitService
from framecloak.domain.errors import DomainError
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import RequestFilter
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.support.log_events import SUBMITTED
from framecloak.entrypoints.asgi.access_log import set_log_subject
from framecloak.entrypoints.asgi.content_negotiation import BatchDTO, convert
from framecloak.entrypoints.asgi.problem_details import InvalidBodyError, domain_problem, invalid_body_problem
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.middleware.authentication import Authenticator
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.server_sent_events import EVENT_STREAM, ProgressEvents
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

MAX_BATCH_SIZE = 100
"""Maximum number of requests in a batch."""

MAX_SUBMIT_BYTES = 8 << 20
"""Maximum size of a body in bytes; a list of 100,000 names takes about 2 MiB."""

_SUBMIT_PROBLEMS = (
    "video_not_found",
    "forbidden",
    "invalid_segments",
    "invalid_level",
    "invalid_format",
    "invalid_option",
    "invalid_reference",
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
        description="Key chosen by the client; the same key and body again return the first request.",
    ),
]
"""In a batch, each request has a key of its own, composed of this one and its index."""
BatchBody: TypeAlias = SkipValidation[
    Annotated[list[SubmitBody], BodyKwarg(max_items=MAX_BATCH_SIZE, description="At most 100 requests.")]
]
VideoFilter = Annotated[
    int | None, QueryParameter(ge=1, le=MAX_ID, description="Only requests for this video.")
]
StatusFilter = Annotated[Status | None, QueryParameter(description="Only requests with this status.")]


class RequestsController(Controller):
    """Endpoints to submit, follow and cancel anonymisation requests."""

    path = "/api/frames/anonymize"
    tags = ("Frame anonymization",)

    @post(
        "/",
        operation_id="submitRequest",
        summary="Submit a request",
        status_code=202,
        request_max_body_size=MAX_SUBMIT_BYTES,
        responses=problems(*_SUBMIT_PROBLEMS, "idempotency_conflict", writes=True, body=True),
    )
    async def submit(
        self,
        data: JSONBody[SubmitBody],
        caller: Caller,
        submissions: Injected[SubmitService],
        config: Injected[HttpConfig],
        request: Request[Principal, Any, State],
        idempotency_key: IdempotencyKey = None,
    ) -> SubmittedView:
        """Redact the frames of segments into a ZIP archive, with the current segments and marked regions."""
        spec = data.to_domain(
            config.default_level, config.default_format, config.default_language, config.default_verify
        )
        submitted = await submissions.submit(caller, spec, idempotency_key)
        log_submission(submitted)
        set_log_subject(request.scope, submitted.request.id)
        return SubmittedView.of(submitted)

    @post(
        "/batch",
        operation_id="submitBatch",
        summary="Submit several requests",
        status_code=202,
        dto=BatchDTO,
        request_max_body_size=MAX_SUBMIT_BYTES,
        responses=problems(writes=True, body=True),
    )
    async def submit_batch(
        self,
        data: BatchBody,
        caller: Caller,
        submissions: Injected[SubmitService],
        config: Injected[HttpConfig],
        idempotency_key: IdempotencyKey = None,
    ) -> list[BatchResult]:
        """Submit several requests, each of which is accepted or rejected independently of the others.

        With an idempotency key, sending the same batch again returns the requests of the first time.
        """
        if len(data) > MAX_BATCH_SIZE:
            raise InvalidBodyError(
                (FieldError(field="", message=f"Expected at most {MAX_BATCH_SIZE} requests"),)
            )
        # Keys sent by clients contain no blank, so those of a batch never equal the key of a single request.
        keys = [idempotency_key and f"{idempotency_key} {index}" for index in range(len(data))]
        return [
            await _submit_item(index, item, caller, submissions, config, keys[index])
            for index, item in enumerate(data)
        ]

    @get(
        "/options",
        operation_id="getOptions",
        summary="Get options of requests",
        responses=problems(),
    )
    async def options(
        self, submissions: Injected[SubmitService], config: Injected[HttpConfig]
    ) -> OptionsView:
        """Return defaults and limits of the installation, and the data for time estimates."""
        return OptionsView.of(
            await submissions.capacity(),
            level=config.default_level,
            output_format=config.default_format,
            language=config.default_language,
            verify=config.default_verify,
            policy=config.results,
        )

    @get(
        "/requests",
        operation_id="listRequests",
        summary="List requests",
        responses=problems(parameters=True),
    )
    async def list_requests(
        self,
        caller: Caller,
        requests: Injected[RequestService],
        video_id: VideoFilter = None,
        status: StatusFilter = None,
        search: Annotated[
            str | None,
            QueryParameter(max_length=80, description="Part of the reference; case is ignored."),
        ] = None,
        awaiting_release: Annotated[
            bool,
            QueryParameter(
                description="Only requests whose results you may review and release, also those of others"
                " where `RESULT_REVIEWERS` allows it; the other criteria are ignored."
            ),
        ] = False,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> RequestPage:
        """Return your requests, newest first; administrators get the requests of all accounts."""
        if awaiting_release:
            page = await requests.awaiting_release(caller, limit, offset)
        else:
            page = await requests.list(caller, RequestFilter(video_id, status, search), limit, offset)
        items = [RequestView.of(request) for request in page.items]
        return RequestPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/requests/{request_id:uuid}",
        operation_id="getRequest",
        summary="Get a request",
        responses=problems("request_not_found"),
    )
    async def get_request(
        self, request_id: RequestId, caller: Caller, requests: Injected[RequestService]
    ) -> RequestView:
        """Return the parameters and the status of a request."""
        return RequestView.of((await requests.status(caller, request_id)).request)

    @get(
        "/status/{request_id:uuid}",
        operation_id="getRequestStatus",
        summary="Get the status of a request",
        responses=problems("request_not_found"),
    )
    async def status(
        self,
        request_id: RequestId,
        caller: Caller,
        requests: Injected[RequestService],
    ) -> StatusView:
        """Return the progress in percent, the number of processed frames and the estimated remaining time.

        The status is `processing` as soon as a request is accepted; `is_waiting` says whether it still waits
        in the queue.
        """
        return StatusView.of(await requests.status(caller, request_id)).for_polling()

    @get(
        "/events/{request_id:uuid}",
        operation_id="followRequest",
        summary="Follow a request",
        responses={
            200: ResponseSpec(
                EventView,
                media_type=EVENT_STREAM,
                generate_examples=False,
                description="Server-sent events; the data of each is the response of `getRequestStatus`.",
            ),
            **problems("request_not_found"),
        },
    )
    async def events(
        self,
        request_id: RequestId,
        caller: Caller,
        requests: Injected[RequestService],
        progress_board: Injected[ProgressBoard],
        authenticator: Injected[Authenticator],
        config: Injected[HttpConfig],
        request: Request[Principal, Any, State],
    ) -> Stream:
        """Stream the current status, then every change until a final status, and a comment every 15 s."""
        identify = partial(authenticator.identify, request)
        events = ProgressEvents(requests, progress_board, config, request_id, identify)
        # Checked before the stream starts, while an error response is still possible.
        await requests.status(caller, request_id)
        return Stream(events.messages(), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})

    @delete(
        "/{request_id:uuid}",
        operation_id="cancelRequest",
        summary="Cancel a request",
        status_code=200,
        responses=problems("request_not_found", "already_finished", "storage_unavailable", writes=True),
    )
    async def cancel(
        self, request_id: RequestId, caller: Caller, requests: Injected[RequestService]
    ) -> CancelledView:
        """Stop the processing of a request and remove its partial results."""
        await requests.cancel(caller, request_id)
        return CancelledView()


async def _submit_item(
    index: int,
    item: object,
    caller: Principal,
    submissions: SubmitService,
    config: HttpConfig,
    idempotency_key: str | None,
) -> BatchResult:
    try:
        spec = convert(item, SubmitBody).to_domain(
            config.default_level, config.default_format, config.default_language, config.default_verify
        )
        submitted = await submissions.submit(caller, spec, idempotency_key)
    except InvalidBodyError as error:
        return BatchResult(index=index, status="rejected", error=invalid_body_problem(error))
    except DomainError as error:
        return BatchResult(index=index, status="rejected", error=domain_problem(error))
    log_submission(submitted)
    return BatchResult(index=index, status="accepted", request_id=submitted.request.id)


def log_submission(submitted: Submitted) -> None:
    """Log the id of a new request, which links the lines of the HTTP request to those of the workers."""
    request = submitted.request
    SUBMITTED.log(
        logger,
        request_id=request.id,
        video_id=request.spec.video_id,
        frames=request.total_frames,
        priority=request.spec.priority,
    )
