"""Controller of releases: frames seen in a review, and the release of results."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Response, get, post
from litestar.params import JSONBody

from framecloak.domain.anonymization.review.releases import ReleaseService
from framecloak.entrypoints.asgi.content_negotiation import JSON
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import RequestId
from framecloak.entrypoints.schemas.releases import ReleaseView, ReviewProgressView, SeenBody

_RESULT_PROBLEMS = ("request_not_found", "forbidden", "not_ready", "result_damaged", "storage_unavailable")


class ReleasesController(Controller):
    """Endpoints to record what a reviewer has seen, and to release a result."""

    path = "/api/frames/anonymize/{request_id:uuid}"
    tags = ("Frame anonymization",)

    @get(
        "/seen",
        operation_id="getReviewProgress",
        summary="Get the progress of a review",
        responses=problems(*_RESULT_PROBLEMS, parameters=True),
    )
    async def progress(
        self, request_id: RequestId, caller: Caller, releases: Injected[ReleaseService]
    ) -> ReviewProgressView:
        """Return how much of the result the caller has seen, and whether it is released."""
        return ReviewProgressView.of(await releases.progress(caller, request_id))

    @post(
        "/seen",
        operation_id="markFramesSeen",
        summary="Mark frames as seen",
        status_code=200,
        responses=problems(*_RESULT_PROBLEMS, "frame_not_found", writes=True, body=True),
    )
    async def mark_seen(
        self,
        request_id: RequestId,
        data: JSONBody[SeenBody],
        caller: Caller,
        releases: Injected[ReleaseService],
    ) -> ReviewProgressView:
        """Record that the caller has seen frames. The marks are deleted with the result."""
        return ReviewProgressView.of(await releases.mark_seen(caller, request_id, data.frames))

    @post(
        "/release",
        operation_id="releaseResult",
        summary="Release a result",
        status_code=201,
        responses=problems(
            *_RESULT_PROBLEMS, "already_released", "second_person_required", writes=True, parameters=True
        ),
    )
    async def release(
        self, request_id: RequestId, caller: Caller, releases: Injected[ReleaseService]
    ) -> ReleaseView:
        """Record that the caller has reviewed the result and releases it; its webhook is called.

        A corrected result is a result of its own, and needs a release of its own.
        """
        return ReleaseView.of(await releases.release(caller, request_id))

    @get(
        "/release",
        operation_id="getRelease",
        summary="Get the signed release of a result",
        responses=problems("request_not_found", "forbidden", "not_released", parameters=True),
    )
    async def addendum(
        self, request_id: RequestId, caller: Caller, releases: Injected[ReleaseService]
    ) -> Response[dict[str, Any]]:
        """Return the addendum to the manifest, signed with the key of this installation.

        Save it byte for byte: `framecloak verify --release` compares it with the result.
        """
        document = await releases.addendum(caller, request_id)
        headers = {
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'attachment; filename="release_{request_id}.json"',
        }
        content: Any = document
        return Response(content, media_type=JSON, headers=headers)
