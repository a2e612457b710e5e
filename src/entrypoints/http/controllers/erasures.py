"""Controller of deletions that leave a receipt."""

from __future__ import annotations

from litestar import Controller, delete

from framecloak.domain.anonymization.requests.erasure import ErasureService
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import RequestId, VideoId
from framecloak.entrypoints.schemas.erasures import ReceiptView


class ErasuresController(Controller):
    """Endpoints to delete results and videos before the end of their retention."""

    path = "/api"

    @delete(
        "/frames/anonymize/{request_id:uuid}/result",
        operation_id="eraseResult",
        summary="Delete a result",
        status_code=200,
        tags=["Frame anonymization"],
        responses=problems("request_not_found", "not_ready", "storage_unavailable", writes=True),
    )
    async def erase_result(
        self, request_id: RequestId, caller: Caller, erasures: Injected[ErasureService]
    ) -> ReceiptView:
        """Delete the result of a request for good, and return a receipt; the request stays in lists."""
        return ReceiptView.of(await erasures.erase_result(caller, request_id))

    @delete(
        "/videos/{video_id:int}/everything",
        operation_id="eraseVideo",
        summary="Delete a video with everything derived from it",
        status_code=200,
        tags=["Videos"],
        responses=problems(
            "video_not_found",
            "forbidden",
            "video_in_use",
            "storage_unavailable",
            writes=True,
            parameters=True,
        ),
    )
    async def erase_video(
        self, video_id: VideoId, caller: Caller, erasures: Injected[ErasureService]
    ) -> ReceiptView:
        """Delete a video, its marks, and the results of all requests for it, and return a receipt.

        For its owner and administrators. Results that other accounts requested are deleted too.
        """
        return ReceiptView.of(await erasures.erase_video(caller, video_id))
