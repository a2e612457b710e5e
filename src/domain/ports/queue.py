"""Port: the queue that wakes workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.model.request import Priority


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker process with a recent heartbeat.

    Attributes:
        name: host and process.
        queues: queues that it processes.
        seen_at: time of the last heartbeat, UTC.
        speed: speed that it measured; None if it did not say.
    """

    name: str
    queues: tuple[str, ...]
    seen_at: datetime
    speed: WorkerSpeed | None = None


class JobQueue(Protocol):
    """Queue that wakes workers. The work itself is recorded in the database, which is authoritative.

    Every method raises ``QueueUnavailableError`` if the queue cannot be reached.
    """

    async def wake_workers(self, request_id: UUID, priority: Priority) -> None:
        """Enqueue a wake-up for one slice of a request. A superfluous wake-up does no harm."""
        ...

    async def wakeups(self) -> Mapping[UUID, int]:
        """Return the number of waiting wake-ups by request."""
        ...

    async def wakeup_counts(self) -> Mapping[Priority, int]:
        """Return the number of waiting wake-ups by priority; unlike `wakeups`, at a constant cost."""
        ...

    async def request_cleanup(self) -> None:
        """Enqueue a clean-up of expired objects."""
        ...

    async def worker_count(self) -> int:
        """Return about how many worker processes are alive; unlike `workers`, at a constant cost."""
        ...

    async def workers(self) -> Sequence[WorkerInfo]:
        """Return the workers that process slices, without those that only clean up."""
        ...

    async def ping(self) -> None:
        """Check the connection."""
        ...
