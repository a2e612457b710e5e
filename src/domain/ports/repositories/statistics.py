"""Repository of figures over the requests of all accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from framecloak.domain.anonymization.model.orders.throughput import Backlog, RequestDuration
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status


class StatisticsRepository(Protocol):
    """Figures over the requests of all accounts, for estimates, health checks and metrics."""

    async def counts(self) -> Mapping[Status, int]:
        """Return the number of requests by status."""
        ...

    async def recent_durations(self, limit: int) -> Sequence[RequestDuration]:
        """Return the processing times of the most recently completed requests, newest first."""
        ...

    async def backlog(self, until: AnonymizationRequest | None = None) -> Sequence[Backlog]:
        """Return the unfinished requests of all accounts, by account and workload.

        Args:
            until: request; those of its account that are processed after it are left out.
        """
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
