"""Batches: orders of many videos at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from framecloak.domain.anonymization.model.orders.template import TemplateMarks
from framecloak.domain.anonymization.model.request import AnonymizationRequest, RequestSpec, Status


@dataclass(frozen=True, slots=True)
class BatchVideo:
    """A video to order in a batch.

    Attributes:
        video_id: id of a video that the caller may edit.
        segment_ids: segments of the video; None for those of the template, else those marked on the video,
            else the whole video.
        reference: reference of this order; None for that of the batch.
    """

    video_id: int
    segment_ids: tuple[int, ...] | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Order of a batch.

    Attributes:
        videos: videos to order, in this order.
        spec: specification of all orders; its video and segments are placeholders.
        marks: marks that are applied to each video first.
        template_name: name of the template, for display; None without one.
    """

    videos: tuple[BatchVideo, ...]
    spec: RequestSpec
    marks: TemplateMarks = field(default_factory=TemplateMarks)
    template_name: str | None = None


@dataclass(frozen=True, slots=True)
class BatchItem:
    """Outcome of ordering one video of a batch.

    Attributes:
        number: index in the batch, from 0.
        video_id: id of the video.
        video_name: title or file name; None if the video was deleted.
        request: the accepted order; None if it was rejected.
        error_code: stable code of the rejection; None if it was accepted.
        error: reason of the rejection for people; None if it was accepted.
    """

    number: int
    video_id: int
    video_name: str | None
    request: AnonymizationRequest | None
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of orders.

    Attributes:
        id: random id.
        user_id: id of the account that ordered it.
        template_name: name of the template at that time; None without one.
        created_at: UTC.
        items: outcomes by video, in the order of the batch.
    """

    id: UUID
    user_id: int
    template_name: str | None
    created_at: datetime
    items: tuple[BatchItem, ...] = ()

    @property
    def requests(self) -> Sequence[AnonymizationRequest]:
        """Accepted orders."""
        return [item.request for item in self.items if item.request]

    @property
    def counts(self) -> Mapping[Status, int]:
        """Number of orders by status."""
        found = Counter(request.status for request in self.requests)
        return {status: found[status] for status in Status}

    @property
    def progress(self) -> int:
        """Progress in whole percent, rounded down; 100 only once every order has ended."""
        if all(request.status.is_final for request in self.requests):
            return 100
        total = sum(request.total_frames for request in self.requests)
        ended = sum(
            request.total_frames if request.status.is_final else request.processed_frames
            for request in self.requests
        )
        return min(99, 100 * ended // max(1, total))
