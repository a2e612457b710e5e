"""Controller of marks copied from another video."""

from __future__ import annotations

from litestar import Controller, post
from litestar.params import JSONBody

from framecloak.domain.videos.marks import MarkService
from framecloak.entrypoints.http.dependencies import Caller, Injected
from framecloak.entrypoints.http.openapi import problems
from framecloak.entrypoints.schemas.common import VideoId
from framecloak.entrypoints.schemas.videos.marks import CopiedMarksView, CopyMarksBody


class MarkCopiesController(Controller):
    """Endpoint to mark a video like another one."""

    path = "/api/videos/{video_id:int}/marks"
    tags = ("Marks",)

    @post(
        "/copy",
        operation_id="copyMarks",
        summary="Copy marks from another video",
        status_code=200,
        responses=problems(
            "video_not_found", "forbidden", "other_frame_shape", "marks_too_late", writes=True, body=True
        ),
    )
    async def copy_marks(
        self,
        video_id: VideoId,
        data: JSONBody[CopyMarksBody],
        caller: Caller,
        marks: Injected[MarkService],
    ) -> CopiedMarksView:
        """Add the segments and regions of a video to this one: all of them, or none.

        Times stay the same in seconds, and what reaches to the end of the other video reaches to the end of
        this one. Regions are scaled to frames of the same shape, and then cover at least what they covered.
        Marks that this video already has are not added again.
        """
        copied = await marks.copy(
            caller, video_id, data.from_video, segments=data.segments, regions=data.regions
        )
        return CopiedMarksView.of(copied)
