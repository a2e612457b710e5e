"""Schemas of batches of orders."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from litestar.params import PathParameter
from msgspec import Meta

from framecloak.domain.anonymization.batches.service import BatchEstimate, BatchProgress
from framecloak.domain.anonymization.model.orders.batch import Batch, BatchItem, BatchVideo
from framecloak.domain.anonymization.model.request import Status
from framecloak.entrypoints.schemas.common import Body, Id, PageBase, View
from framecloak.entrypoints.schemas.options import TimeRangeView
from framecloak.entrypoints.schemas.orders import OrderOptions
from framecloak.entrypoints.schemas.requests import BlankedFrames, ReleasedAt

MAX_BATCH_VIDEOS = 100
"""Maximum number of videos in a batch."""

BatchId = Annotated[UUID, PathParameter(description="Id of the batch, returned when it was submitted.")]
Reference = Annotated[
    str,
    Meta(
        max_length=200,
        description="Code of the order, as for single orders; names the file of the result.",
        examples=["STUDY-7 B12"],
    ),
]


class BatchVideoBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A video to order."""

    video_id: Annotated[Id, Meta(description="Id of a video that you may edit.", examples=[123])]
    segment_ids: Annotated[
        Annotated[list[Id], Meta(max_length=100)] | None,
        Meta(
            description=(
                "Ids of segments of the video. Default: those of the template, else those marked on the "
                "video, else the whole video."
            ),
            examples=[[1, 2, 3]],
        ),
    ] = None
    reference: Annotated[Reference | None, Meta(description="Default: that of the batch.")] = None

    def to_domain(self) -> BatchVideo:
        """Return the video of the domain."""
        ids = None if self.segment_ids is None else tuple(self.segment_ids)
        return BatchVideo(self.video_id, ids, self.reference)


class SubmitBatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Videos to order at once, with a template, with options, or with the defaults."""

    videos: Annotated[
        list[BatchVideoBody], Meta(min_length=1, max_length=MAX_BATCH_VIDEOS, description="1 to 100 videos.")
    ]
    template_id: Annotated[
        UUID | None, Meta(description="Template with options and marks; see `listTemplates`.")
    ] = None
    options: Annotated[
        OrderOptions | None, Meta(description="Options that take the place of those of the template.")
    ] = None
    reference: Annotated[Reference | None, Meta(description="Reference of all orders without their own.")] = (
        None
    )


class BatchItemView(View, frozen=True, kw_only=True):
    """An order of a batch."""

    index: Annotated[int, Meta(description="Index in the batch, from 0.", examples=[0])]
    video_id: Annotated[int, Meta(examples=[123])]
    video_name: Annotated[
        str | None, Meta(description="Title or file name; null if the video was deleted.", examples=["a.mp4"])
    ]
    request_id: Annotated[UUID | None, Meta(description="Id of the request; null if it was rejected.")]
    reference: Annotated[str | None, Meta(examples=["STUDY-7 B12"])]
    status: Annotated[
        Status | None, Meta(description="Status of the request; null if rejected.", examples=["pending"])
    ]
    progress: Annotated[int | None, Meta(description="Percent; null if it was rejected.", examples=[0])]
    blanked_frames: BlankedFrames
    result_bytes: Annotated[int | None, Meta(description="Size of the result; null without one.")]
    released_at: ReleasedAt
    error: Annotated[
        str | None, Meta(description="Reason of a rejection or failure; null otherwise.", examples=[None])
    ]
    error_code: Annotated[str | None, Meta(description="Stable code of the error.", examples=[None])]

    @classmethod
    def of(cls, item: BatchItem) -> Self:
        """Build the view of an order."""
        request = item.request
        return cls(
            index=item.number,
            video_id=item.video_id,
            video_name=item.video_name,
            request_id=request.id if request else None,
            reference=request.spec.reference if request else None,
            status=request.status if request else None,
            progress=request.progress if request else None,
            blanked_frames=request.known_blanked_frames if request else None,
            result_bytes=request.result_bytes if request else None,
            released_at=request.released_at if request else None,
            error=request.error if request else item.error,
            error_code=request.error_code if request else item.error_code,
        )


class BatchView(View, frozen=True, kw_only=True):
    """A batch of orders."""

    batch_id: UUID
    template_name: Annotated[
        str | None, Meta(description="Name of the template when it was ordered.", examples=["Tower B"])
    ]
    created_at: datetime
    is_finished: Annotated[bool, Meta(description="Whether every order has ended.", examples=[False])]
    progress: Annotated[int, Meta(description="Progress of all orders in percent.", examples=[40])]
    estimated_remaining_time: Annotated[
        int | None,
        Meta(
            description="Estimated seconds until the last order is completed; null when all have ended.",
            examples=[45],
        ),
    ]
    counts: Annotated[
        dict[Status, int], Meta(description="Number of orders by status.", examples=[{"pending": 20}])
    ]
    rejected: Annotated[int, Meta(description="Number of videos that were rejected.", examples=[0])]
    items: list[BatchItemView]

    @classmethod
    def of(cls, progress: BatchProgress) -> Self:
        """Build the view of a batch."""
        return cls.at(progress.batch, progress.estimated_seconds)

    @classmethod
    def at(cls, batch: Batch, seconds: int | None) -> Self:
        """Build the view of a batch with an estimate of its end in seconds."""
        return cls(
            batch_id=batch.id,
            template_name=batch.template_name,
            created_at=batch.created_at,
            is_finished=all(request.status.is_final for request in batch.requests),
            progress=batch.progress,
            estimated_remaining_time=seconds,
            counts=dict(batch.counts),
            rejected=sum(item.error_code is not None and item.request is None for item in batch.items),
            items=[BatchItemView.of(item) for item in batch.items],
        )


class BatchPage(PageBase, frozen=True, kw_only=True):
    """Batches, newest first; without estimates."""

    items: list[BatchView]


class RejectedVideoView(View, frozen=True, kw_only=True):
    """A video that would be rejected."""

    index: Annotated[int, Meta(description="Index in the batch, from 0.", examples=[0])]
    video_id: Annotated[int, Meta(examples=[123])]
    error: Annotated[str, Meta(description="Reason.", examples=["the video has other frames"])]
    error_code: Annotated[str, Meta(examples=["template_mismatch"])]


class BatchEstimateView(View, frozen=True, kw_only=True):
    """Estimated cost of a batch."""

    accepted: Annotated[int, Meta(description="Number of orders.", examples=[20])]
    frames: Annotated[int, Meta(description="Number of frames of these orders.", examples=[5000])]
    estimated_processing_time: Annotated[
        int,
        Meta(description="Estimated seconds until all are completed, including the queue.", examples=[90]),
    ]
    estimated_time_range: Annotated[
        TimeRangeView,
        Meta(
            description="Range of that time, from the orders of this installation, with the time to load"
            " models and to pack results."
        ),
    ]
    rejected: list[RejectedVideoView]

    @classmethod
    def of(cls, estimate: BatchEstimate) -> Self:
        """Build the view of an estimate."""
        rejected = [
            RejectedVideoView(
                index=each.number,
                video_id=each.video_id,
                error=each.error.user_message().message,
                error_code=each.error.code,
            )
            for each in estimate.rejected
        ]
        return cls(
            accepted=estimate.accepted,
            frames=estimate.frames,
            estimated_processing_time=math.ceil(estimate.estimated.seconds),
            estimated_time_range=TimeRangeView.of(estimate.estimated),
            rejected=rejected,
        )
