"""Figures over the requests in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from fakes.persistence.tables import Transaction
from framecloak.domain.anonymization.model.orders.throughput import RequestDuration, Workload
from framecloak.domain.anonymization.model.request import Status


class FakeStatisticsRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def counts(self) -> Mapping[Status, int]:
        found = Counter(request.status for request in self._tx.rows.requests.values())
        return {status: found[status] for status in Status}

    async def recent_durations(self, limit: int) -> Sequence[RequestDuration]:
        done = [
            (each.completed_at, each, (each.completed_at - each.started_at).total_seconds())
            for each in self._tx.rows.requests.values()
            if each.status is Status.COMPLETED and each.started_at and each.completed_at
        ]
        done.sort(key=lambda entry: entry[0], reverse=True)
        return [
            RequestDuration(Workload.of(request.spec), request.total_frames, seconds)
            for _, request, seconds in done[:limit]
        ]

    async def pending_frames(self) -> Mapping[Workload, int]:
        found = Counter[Workload]()
        for each in self._tx.rows.requests.values():
            if not each.status.is_final:
                found[Workload.of(each.spec)] += each.total_frames - each.processed_frames
        return found

    async def oldest_pending_since(self) -> datetime | None:
        requests = self._tx.rows.requests.values()
        return min((each.created_at for each in requests if each.status is Status.PENDING), default=None)

    async def result_bytes(self) -> int:
        return sum(each.result_bytes or 0 for each in self._tx.rows.requests.values())

    async def processed_frames(self) -> int:
        return sum(each.processed_frames for each in self._tx.rows.requests.values())
