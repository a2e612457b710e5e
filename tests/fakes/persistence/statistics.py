"""Figures over the requests in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from fakes.persistence.tables import Transaction
from framecloak.domain.anonymization.model.orders.throughput import (
    REFERENCE_PIXELS,
    Backlog,
    RequestDuration,
    Workload,
)
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Priority, Status


class FakeStatisticsRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def counts(self) -> Mapping[Status, int]:
        found = Counter(request.status for request in self._tx.rows.requests.values())
        return {status: found[status] for status in Status}

    async def recent_durations(self, limit: int) -> Sequence[RequestDuration]:
        done = [
            RequestDuration(self._workload(each), each.total_frames, each.started_at, each.completed_at)
            for each in self._tx.rows.requests.values()
            if each.status is Status.COMPLETED and each.started_at and each.completed_at
        ]
        done.sort(key=lambda duration: duration.completed_at, reverse=True)
        return done[:limit]

    async def backlog(self, until: AnonymizationRequest | None = None) -> Sequence[Backlog]:
        frames, requests = Counter[tuple[int, Workload]](), Counter[tuple[int, Workload]]()
        for each in self._tx.rows.requests.values():
            if each.status.is_final or (until and _is_after(each, until)):
                continue
            key = each.user_id, self._workload(each)
            frames[key] += each.total_frames - each.processed_frames
            requests[key] += 1
        return [Backlog(*key, requests[key], frames[key]) for key in requests]

    def _workload(self, request: AnonymizationRequest) -> Workload:
        video = self._tx.rows.videos.get(request.spec.video_id)
        pixels = video.facts.width * video.facts.height if video else REFERENCE_PIXELS
        return Workload.of(request.spec, pixels)

    async def oldest_pending_since(self) -> datetime | None:
        requests = self._tx.rows.requests.values()
        return min((each.created_at for each in requests if each.status is Status.PENDING), default=None)

    async def result_bytes(self) -> int:
        return sum(each.result_bytes or 0 for each in self._tx.rows.requests.values())

    async def processed_frames(self) -> int:
        return sum(each.processed_frames for each in self._tx.rows.requests.values())


def _is_after(request: AnonymizationRequest, other: AnonymizationRequest) -> bool:
    def turn(each: AnonymizationRequest) -> tuple[bool, datetime, UUID]:
        return each.spec.priority is not Priority.HIGH, each.created_at, each.id

    return request.user_id == other.user_id and turn(request) > turn(other)
