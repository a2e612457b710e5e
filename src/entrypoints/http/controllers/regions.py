"""Areas of the picture that are marked on videos."""

from __future__ import annotations

from litestar import Controller, delete, get, post
from litestar.params import JSONBody

from framecloak.entrypoints.http.dependencies import Caller, TheMarking, TheOverlays
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import RegionId, VideoId
from framecloak.entrypoints.schemas.videos import CreateRegionBody, ProposalView, RegionView


class RegionsController(Controller):
    """Regions of one video, redacted at every level; to be marked by whoever may edit it."""

    path = "/api/videos/{video_id:int}/regions"
    tags = ("Marks",)

    @get(
        "/",
        operation_id="listRegions",
        summary="List regions",
        responses=problems("video_not_found", parameters=True),
    )
    async def list_regions(self, video_id: VideoId, caller: Caller, marking: TheMarking) -> list[RegionView]:
        """All of a video, oldest first."""
        return [RegionView.of(marked) for marked in await marking.regions(caller, video_id)]

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
        self, video_id: VideoId, data: JSONBody[CreateRegionBody], caller: Caller, marking: TheMarking
    ) -> RegionView:
        """In pixels of the displayed frame; in the whole video where no frames are given."""
        return RegionView.of(await marking.add_region(caller, video_id, data.region(), data.label))

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
            "storage_unavailable",
            "storage_full",
            writes=True,
            parameters=True,
        ),
    )
    async def propose_regions(
        self, video_id: VideoId, caller: Caller, overlays: TheOverlays
    ) -> list[ProposalView]:
        """What a device has burned over its picture: areas that never move while the picture does.

        Looks at two dozen frames, and takes seconds. Nothing is stored: send the regions that you accept to
        `createRegion`.
        """
        return [ProposalView.of(one) for one in await overlays.propose(caller, video_id)]

    @delete(
        "/{region_id:int}",
        operation_id="deleteRegion",
        summary="Remove a region",
        responses=problems("video_not_found", "region_not_found", "forbidden", writes=True, parameters=True),
    )
    async def delete_region(
        self, video_id: VideoId, region_id: RegionId, caller: Caller, marking: TheMarking
    ) -> None:
        """Requests submitted before are not changed."""
        await marking.remove_region(caller, video_id, region_id)
