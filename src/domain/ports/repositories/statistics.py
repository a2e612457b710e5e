"""Repository of figures over the requests of all accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from framecloak.domain.anonymization.model.orders.throughput import RequestDuration, Workload
from framecloak.domain.anonymization.model.request import Status


class StatisticsRepository(Protocol):
    """Figures over the requests of all accounts, for estimates, health checks and metrics."""

    async def counts(self) -> Mapping[Status, int]:
        """Return the number of requests by status."""
        ...

    async def recent_durations(self, limit: int) -> Sequence[RequestDuration]:
        """Return the processing times of the most recently completed requests, newest first."""
        ...

    async def pending_frames(self) -> Mapping[Workload, int]:
        """Return the number of unprocessed frames of all unfinished requests, by workload."""
        ...

    async def oldest_pending_since(self) -> datetime | None:
        """Return the submission time of the oldest request that has not been started, or None."""
        ...

    async def result_bytes(self) -> int:
        """Return the total size of all results in the object store, in bytes."""
        ...

    async def processed_frames(self) -> int:
        """Return the number of processed frames of all requests."""
        ...
