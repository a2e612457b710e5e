"""Controller of segments of videos."""

from __future__ import annotations

from litestar import Controller, delete, get, patch, post
from litestar.params import JSONBody
from msgspec import UNSET

from framecloak.domain.videos.marks import MarkService
from framecloak.domain.videos.service import VideoService
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import SegmentId, VideoId
from framecloak.entrypoints.schemas.videos.marks import ChangeSegmentBody, CreateSegmentBody, SegmentView


class SegmentsController(Controller):
    """Endpoints of the segments of a video."""

    path = "/api/videos/{video_id:int}/segments"
    tags = ("Marks",)

    @get(
        "/",
        operation_id="listSegments",
        summary="List segments",
        responses=problems("video_not_found", parameters=True),
    )
    async def list_segments(
        self, video_id: VideoId, caller: Caller, marks: Injected[MarkService]
    ) -> list[SegmentView]:
        """Return all segments of a video in chronological order."""
        return [SegmentView.of(marked) for marked in await marks.segments(caller, video_id)]

    @post(
        "/",
        operation_id="createSegment",
        summary="Mark a segment",
        responses=problems(
            "video_not_found", "forbidden", "invalid_segment", "invalid_option", writes=True, body=True
        ),
    )
    async def create_segment(
        self,
        video_id: VideoId,
        data: JSONBody[CreateSegmentBody],
        caller: Caller,
        marks: Injected[MarkService],
        videos: Injected[VideoService],
    ) -> SegmentView:
        """Mark the frames from `start_frame` up to but excluding `end_frame`, or a range in seconds."""
        rate = (await videos.get(caller, video_id)).facts.frame_rate if data.uses_seconds else None
        return SegmentView.of(await marks.add_segment(caller, video_id, data.segment(rate), data.label))

    @get(
        "/{segment_id:int}",
        operation_id="getSegment",
        summary="Get a segment",
        responses=problems("video_not_found", "segment_not_found", parameters=True),
    )
    async def get_segment(
        self, video_id: VideoId, segment_id: SegmentId, caller: Caller, marks: Injected[MarkService]
    ) -> SegmentView:
        """Return a segment of a video."""
        return SegmentView.of(await marks.segment(caller, video_id, segment_id))

    @patch(
        "/{segment_id:int}",
        operation_id="changeSegment",
        summary="Move or rename a segment",
        responses=problems(
            "video_not_found",
            "segment_not_found",
            "forbidden",
            "invalid_segment",
            "invalid_option",
            writes=True,
            body=True,
        ),
    )
    async def change_segment(
        self,
        video_id: VideoId,
        segment_id: SegmentId,
        data: JSONBody[ChangeSegmentBody],
        caller: Caller,
        marks: Injected[MarkService],
        videos: Injected[VideoService],
    ) -> SegmentView:
        """Change the given fields; requests that were already submitted keep the previous range."""
        rate = (await videos.get(caller, video_id)).facts.frame_rate if data.uses_seconds else None
        start, end = data.new_range(rate)
        label = None if data.label is UNSET else data.label or ""
        marked = await marks.change_segment(
            caller, video_id, segment_id, start_frame=start, end_frame=end, label=label
        )
        return SegmentView.of(marked)

    @delete(
        "/{segment_id:int}",
        operation_id="deleteSegment",
        summary="Remove a segment",
        responses=problems("video_not_found", "segment_not_found", "forbidden", writes=True, parameters=True),
    )
    async def delete_segment(
        self, video_id: VideoId, segment_id: SegmentId, caller: Caller, marks: Injected[MarkService]
    ) -> None:
        """Remove a segment; requests that were already submitted do not change."""
        await marks.remove_segment(caller, video_id, segment_id)
