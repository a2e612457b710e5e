"""Use case: health of the installation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.model.orders.throughput import MAX_RATED_REQUESTS
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.errors import StorageFullError
from framecloak.domain.operations.probes import Probes, StoredSize
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.queue import JobQueue

OK, FAILED = "ok", "failed"

CONDITION_SECONDS = 2.0
"""Seconds for which the overall health is reused, however many clients request it."""

_PATIENCE_SECONDS = 0.5
"""Seconds to wait for a check that is running; a liveness probe gives up after one second."""


class Condition(StrEnum):
    """Overall health of an installation."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """The API responds, but submitted requests wait."""
    UNHEALTHY = "unhealthy"
    """The installation cannot accept requests."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Result of the health checks.

    Attributes:
        condition: overall health.
        workers: number of workers with a recent heartbeat; 0 when the queue cannot be reached.
        pending_requests: number of requests that have not started; None when the database was not
            queried or cannot be reached.
        average_seconds: average duration of the latest completed requests; None when there are none.
        storage_bytes: recently computed size of all videos and results; None while unknown.
        checks: ``ok`` or ``failed`` for database, redis, storage, disk and models.
    """

    condition: Condition
    workers: int
    pending_requests: int | None
    average_seconds: float | None
    storage_bytes: int | None
    checks: Mapping[str, str]


class HealthService:
    """Health checks of all servers and models, run concurrently and with a timeout.

    Args:
        database: database to check and to query.
        store: object store to check.
        queue: job queue to check.
        models_present: returns whether the model files are installed.
        free_space: returns the free bytes of the fullest disk in use; None not to check it.
        min_free_bytes: free space in bytes below which a file system counts as full.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        models_present: Callable[[], Awaitable[bool]],
        free_space: Callable[[], Awaitable[int]] | None = None,
        min_free_bytes: int = 0,
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._models_present = models_present
        self._free_space = free_space
        self._min_free_bytes = min_free_bytes
        self._probes = Probes()
        self._stored_size = StoredSize(database)
        self._checking: asyncio.Task[HealthReport] | None = None
        self._next_check = 0.0
        self._condition = Condition.UNHEALTHY  # until a first check has shown that it is not

    async def check(self, *, detailed: bool = True) -> HealthReport:
        """Run all checks; failed checks do not raise.

        Args:
            detailed: True to query figures from the database; otherwise it is only pinged.

        Returns:
            The result of all checks.
        """
        if detailed:
            self._stored_size.refresh()
        answer = self._probes.result
        numbers, stored, workers, models, space = await asyncio.gather(
            answer("database", self._request_figures)
            if detailed
            else answer("database (ping)", self._ping_database),
            answer("storage", self._ping_store),
            answer("redis", self._queue.workers),
            answer("models", self._models_present),
            answer("disk", self._require_space),
        )
        checks = {
            "database": FAILED if numbers is None else OK,
            "redis": FAILED if workers is None else OK,
            "storage": OK if stored else FAILED,
            "disk": OK if space else FAILED,
            "models": OK if models else FAILED,
        }
        if FAILED in (checks["database"], checks["redis"], checks["storage"]):
            condition = Condition.UNHEALTHY
        elif not (workers and models and space):
            condition = Condition.DEGRADED
        else:
            condition = Condition.HEALTHY
        return HealthReport(
            condition=condition,
            workers=len(workers or ()),
            pending_requests=None if numbers is None else numbers[0],
            average_seconds=None if numbers is None else numbers[1],
            storage_bytes=self._stored_size.known_bytes if detailed else None,
            checks=checks,
        )

    async def condition(self) -> Condition:
        """Return the overall health, at most a few seconds old; does not wait for a hanging server."""
        now = asyncio.get_running_loop().time()
        if self._checking is None or (self._checking.done() and now >= self._next_check):
            self._next_check = now + CONDITION_SECONDS
            self._checking = asyncio.create_task(self.check(detailed=False))
        await asyncio.wait([self._checking], timeout=_PATIENCE_SECONDS)
        if self._checking.done():
            self._condition = self._checking.result().condition
        return self._condition

    async def _ping_store(self) -> bool:
        await self._store.ping()
        return True

    async def _require_space(self) -> bool:
        if self._free_space is None:
            return True
        free = await self._free_space()
        if free < self._min_free_bytes:
            raise StorageFullError(f"only {free // 1024**2} MiB are free", "free some space")
        return True

    async def _ping_database(self) -> tuple[None, None]:
        await self._database.ping()
        return None, None

    async def _request_figures(self) -> tuple[int, float | None]:
        async with self._database.unit_of_work() as work:
            pending = (await work.statistics.counts()).get(Status.PENDING, 0)
            seconds = [pace.seconds for pace in await work.statistics.recent_durations(MAX_RATED_REQUESTS)]
        return pending, sum(seconds) / len(seconds) if seconds else None
