"""Controller of marked regions of videos."""

from __future__ import annotations

from litestar import Controller, delete, get, post
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.response import Stream

from framecloak.domain.anonymization.overlays.service import OverlayService
from framecloak.domain.videos.marks import MarkService
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.http.transport.proposal_events import proposal_messages
from framecloak.entrypoints.http.transport.server_sent_events import EVENT_STREAM
from framecloak.entrypoints.schemas.common import RegionId, VideoId
from framecloak.entrypoints.schemas.videos.marks import (
    CreateRegionBody,
    ProposalView,
    RegionView,
    SearchEventView,
)


class RegionsController(Controller):
    """Endpoints of the marked regions of a video, which are redacted at every level."""

    path = "/api/videos/{video_id:int}/regions"
    tags = ("Marks",)

    @get(
        "/",
        operation_id="listRegions",
        summary="List regions",
        responses=problems("video_not_found", parameters=True),
    )
    async def list_regions(
        self, video_id: VideoId, caller: Caller, marks: Injected[MarkService]
    ) -> list[RegionView]:
        """Return all marked regions of a video, oldest first."""
        return [RegionView.of(marked) for marked in await marks.regions(caller, video_id)]

    @post(
        "/",
        operation_id="createRegion",
        summary="Mark a region",
        responses=problems(
            "video_not_found",
            "forbidden",
            "invalid_region",
            "invalid_segment",
            "invalid_option",
            writes=True,
            body=True,
        ),
    )
    async def create_region(
        self,
        video_id: VideoId,
        data: JSONBody[CreateRegionBody],
        caller: Caller,
        marks: Injected[MarkService],
    ) -> RegionView:
        """Mark a region in pixels of the displayed frame; in the whole video if no frames are given."""
        return RegionView.of(await marks.add_region(caller, video_id, data.region(), data.label))

    @post(
        "/proposals",
        operation_id="proposeRegions",
        summary="Propose regions",
        status_code=200,
        responses=problems(
            "video_not_found",
            "forbidden",
            "level_unavailable",
            "unreadable_video",
            "examination_failed",
            "original_damaged",
            "storage_unavailable",
            "storage_full",
            writes=True,
            parameters=True,
        ),
    )
    async def propose_regions(
        self, video_id: VideoId, caller: Caller, overlays: Injected[OverlayService]
    ) -> list[ProposalView]:
        """Propose regions of static overlays, which stay constant while the rest of the frame changes.

        About two dozen frames are analysed, which takes seconds. Nothing is stored: send the regions that you
        accept to `createRegion`.
        """
        return [ProposalView.of(proposal) for proposal in await overlays.propose(caller, video_id)]

    @post(
        "/proposals/events",
        operation_id="followProposals",
        summary="Propose regions, with progress",
        status_code=200,
        responses={
            200: ResponseSpec(
                SearchEventView,
                media_type=EVENT_STREAM,
                generate_examples=False,
                description="Server-sent events: progress, then the proposals or a problem.",
            ),
            **problems("video_not_found", "forbidden", writes=True, parameters=True),
        },
    )
    async def follow_proposals(
        self,
        video_id: VideoId,
        caller: Caller,
        overlays: Injected[OverlayService],
        config: Injected[HttpConfig],
    ) -> Stream:
        """Search like `proposeRegions`, and stream the progress; closing the stream ends the search."""
        # Checked before the stream starts, while an error response is still possible.
        await overlays.require_access(caller, video_id)
        messages = proposal_messages(overlays, caller, video_id, config.heartbeat.total_seconds())
        return Stream(messages, media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})

    @delete(
        "/{region_id:int}",
        operation_id="deleteRegion",
        summary="Remove a region",
        responses=problems("video_not_found", "region_not_found", "forbidden", writes=True, parameters=True),
    )
    async def delete_region(
        self, video_id: VideoId, region_id: RegionId, caller: Caller, marks: Injected[MarkService]
    ) -> None:
        """Remove a region; requests that were already submitted do not change."""
        await marks.remove_region(caller, video_id, region_id)
