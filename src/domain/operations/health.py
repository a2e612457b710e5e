"""Use case: how is the installation doing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.throughput import RATED_REQUESTS
from framecloak.domain.operations.probes import Checks, StorageUse
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import JobQueue, ObjectStore

OK, FAILED = "ok", "failed"


class Condition(StrEnum):
    """How an installation is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It answers, and what is submitted waits."""
    UNHEALTHY = "unhealthy"
    """It cannot take anything in."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What the checks found.

    Attributes:
        condition: in one word.
        workers: processes that gave a sign of life; 0 when the queue cannot be asked.
        pending_requests: submitted and not begun; None when the database was not or cannot be asked.
        average_seconds: of the last completed requests; None when there are none.
        storage_bytes: what videos and results took not long ago; None while that is unknown.
        checks: ``ok`` or ``failed`` for database, redis, storage and models.
    """

    condition: Condition
    workers: int
    pending_requests: int | None
    average_seconds: float | None
    storage_bytes: int | None
    checks: Mapping[str, str]


class Health:
    """Looks at everything the service needs, all at once, each for a limited time.

    Args:
        database: asked for a sign of life and its numbers.
        store: likewise.
        queue: likewise.
        models_present: whether the model files are there.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        queue: JobQueue,
        models_present: Callable[[], Awaitable[bool]],
    ) -> None:
        self._database = database
        self._store = store
        self._queue = queue
        self._models_present = models_present
        self._checks = Checks()
        self._storage_use = StorageUse(database)

    async def check(self, *, detailed: bool = True) -> HealthReport:
        """Look now; never raises for what it looks at.

        Args:
            detailed: whether numbers of the database are wanted too; without, it is asked for no more than a
                sign of life.
        """
        if detailed:
            self._storage_use.refresh()
        answer = self._checks.answer
        numbers, stored, workers, models = await asyncio.gather(
            answer("database", self._numbers) if detailed else answer("database (ping)", self._no_numbers),
            answer("storage", self._stored),
            answer("redis", self._queue.workers),
            answer("models", self._models_present),
        )
        checks = {
            "database": FAILED if numbers is None else OK,
            "redis": FAILED if workers is None else OK,
            "storage": OK if stored else FAILED,
            "models": OK if models else FAILED,
        }
        if FAILED in (checks["database"], checks["redis"], checks["storage"]):
            condition = Condition.UNHEALTHY
        elif not workers or not models:
            condition = Condition.DEGRADED
        else:
            condition = Condition.HEALTHY
        return HealthReport(
            condition=condition,
            workers=len(workers or ()),
            pending_requests=None if numbers is None else numbers[0],
            average_seconds=None if numbers is None else numbers[1],
            storage_bytes=self._storage_use.known_bytes if detailed else None,
            checks=checks,
        )

    async def _stored(self) -> bool:
        await self._store.ping()
        return True

    async def _no_numbers(self) -> tuple[None, None]:
        await self._database.ping()
        return None, None

    async def _numbers(self) -> tuple[int, float | None]:
        async with self._database.unit_of_work() as work:
            pending = (await work.requests.counts()).get(Status.PENDING, 0)
            seconds = [one.seconds for one in await work.requests.paces(RATED_REQUESTS)]
        return pending, sum(seconds) / len(seconds) if seconds else None
