"""Controller of batches of orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from litestar import Controller, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream

from framecloak.adapters.media.zip.streaming import zip_stream
from framecloak.domain.anonymization.batches.results import BatchResultsService
from framecloak.domain.anonymization.batches.service import BatchService
from framecloak.domain.anonymization.batches.templates import TemplateService
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.model.orders.batch import BatchPlan
from framecloak.domain.anonymization.model.orders.template import TemplateMarks
from framecloak.domain.model.accounts import Principal
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.controllers.requests import IdempotencyKey
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.batches import (
    BatchEstimateView,
    BatchId,
    BatchPage,
    BatchView,
    SubmitBatchBody,
)
from framecloak.entrypoints.schemas.common import Limit, Offset
from framecloak.entrypoints.schemas.orders import OrderOptions
from framecloak.entrypoints.schemas.templates import content_of

_PLAN_PROBLEMS = ("template_not_found", "invalid_level", "invalid_format", "invalid_option", "invalid_region")
_ZIP = "application/zip"


class BatchesController(Controller):
    """Endpoints to order many videos at once, and to follow, cancel and download the orders together."""

    path = "/api/batches"
    tags = ("Batches",)

    @post(
        "/",
        operation_id="orderVideos",
        summary="Order many videos",
        status_code=202,
        responses=problems(*_PLAN_PROBLEMS, "idempotency_conflict", writes=True, body=True),
    )
    async def order_videos(
        self,
        data: JSONBody[SubmitBatchBody],
        caller: Caller,
        batches: Injected[BatchService],
        templates: Injected[TemplateService],
        config: Injected[HttpConfig],
        idempotency_key: IdempotencyKey = None,
    ) -> BatchView:
        """Order videos with the options and marks of a template; each is accepted or rejected by itself."""
        plan = await _plan(data, caller, templates, config)
        return BatchView.of(await batches.submit(caller, plan, idempotency_key))

    @post(
        "/estimate",
        operation_id="estimateBatch",
        summary="Estimate a batch",
        status_code=200,
        responses=problems(*_PLAN_PROBLEMS, writes=True, body=True),
    )
    async def estimate(
        self,
        data: JSONBody[SubmitBatchBody],
        caller: Caller,
        batches: Injected[BatchService],
        templates: Injected[TemplateService],
        config: Injected[HttpConfig],
    ) -> BatchEstimateView:
        """Return frames and time of a batch, and the videos that it would reject; nothing is stored."""
        plan = await _plan(data, caller, templates, config)
        return BatchEstimateView.of(await batches.estimate(caller, plan))

    @get("/", operation_id="listBatches", summary="List batches", responses=problems(parameters=True))
    async def list_batches(
        self, caller: Caller, batches: Injected[BatchService], limit: Limit = 20, offset: Offset = 0
    ) -> BatchPage:
        """Return your batches, newest first; administrators get those of all accounts."""
        page = await batches.list(caller, limit, offset)
        items = [BatchView.at(batch, None) for batch in page.items]
        return BatchPage(items=items, total=page.total, limit=limit, offset=offset)

    @get(
        "/{batch_id:uuid}",
        operation_id="getBatch",
        summary="Get a batch",
        responses=problems("batch_not_found"),
    )
    async def get_batch(
        self, batch_id: BatchId, caller: Caller, batches: Injected[BatchService]
    ) -> BatchView:
        """Return the state of all orders of a batch."""
        return BatchView.of(await batches.get(caller, batch_id))

    @delete(
        "/{batch_id:uuid}",
        operation_id="cancelBatch",
        summary="Cancel a batch",
        status_code=200,
        responses=problems("batch_not_found", "storage_unavailable", writes=True),
    )
    async def cancel_batch(
        self, batch_id: BatchId, caller: Caller, batches: Injected[BatchService]
    ) -> BatchView:
        """Cancel all orders of a batch that have not ended; completed ones keep their results."""
        return BatchView.of(await batches.cancel(caller, batch_id))

    @get(
        "/{batch_id:uuid}/download",
        operation_id="downloadBatch",
        summary="Download all results of a batch",
        media_type=_ZIP,
        responses={
            200: ResponseSpec(
                bytes,
                media_type=_ZIP,
                generate_examples=False,
                description="A ZIP archive with an index page, and result, release and report of each order.",
            ),
            **problems(
                "batch_not_found",
                "forbidden",
                "not_ready",
                "not_released",
                "result_damaged",
                "storage_unavailable",
                parameters=True,
            ),
        },
    )
    async def download_batch(
        self,
        batch_id: BatchId,
        caller: Caller,
        batch_results: Injected[BatchResultsService],
        language: Annotated[
            Language | None, QueryParameter(description="Language of the index page.")
        ] = None,
    ) -> Stream:
        """Return all results that you may download as one archive, which is written while it is sent.

        Rights and content of each result are checked when its turn comes; if that fails, the connection is
        closed before the archive is complete.
        """
        bundle = await batch_results.open(caller, batch_id, language)
        disposition = f"attachment; filename*=UTF-8''{quote(bundle.filename, safe='')}"
        return Stream(
            zip_stream(bundle.entries), media_type=_ZIP, headers={"Content-Disposition": disposition}
        )


async def _plan(
    data: SubmitBatchBody, caller: Principal, templates: TemplateService, config: HttpConfig
) -> BatchPlan:
    """Return the plan of a batch."""
    options, marks, name = OrderOptions(), TemplateMarks(), None
    if data.template_id is not None:
        template = await templates.get(caller, data.template_id)
        options, marks, name = content_of(template).options, template.marks, template.name
    spec = (data.options or options).to_domain(
        config.default_level, config.default_format, config.default_language, config.default_verify
    )
    videos = tuple(video.to_domain() for video in data.videos)
    return BatchPlan(videos, replace(spec, reference=data.reference), marks, name)
