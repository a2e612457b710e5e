"""Use case: how is the installation doing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from domain.anonymization.lifecycle import Status
from domain.anonymization.service import RATED_REQUESTS
from domain.ports.persistence import Database
from domain.ports.services import JobQueue, ObjectStore

PATIENCE = 2.0
"""Seconds that each check may take."""

OK, FAILED = "ok", "failed"

_LOG = logging.getLogger(__name__)

Value = TypeVar("Value")


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
        pending_requests: submitted and not begun; None when the database cannot be asked.
        average_seconds: of the last completed requests; None when there are none.
        storage_bytes: what the object store holds; None when it cannot be asked.
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

    async def check(self) -> HealthReport:
        """Look now; never raises for what it looks at."""
        numbers, storage, workers, models = await asyncio.gather(
            _patiently("database", self._numbers()),
            _patiently("storage", self._store.used_bytes()),
            _patiently("redis", self._queue.workers()),
            _patiently("models", self._models_present()),
        )
        checks = {
            "database": FAILED if numbers is None else OK,
            "redis": FAILED if workers is None else OK,
            "storage": FAILED if storage is None else OK,
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
            storage_bytes=storage,
            checks=checks,
        )

    async def _numbers(self) -> tuple[int, float | None]:
        async with self._database.unit_of_work() as work:
            pending = (await work.requests.counts()).get(Status.PENDING, 0)
            seconds = [took for _, took in await work.requests.rates(RATED_REQUESTS)]
        return pending, sum(seconds) / len(seconds) if seconds else None


async def _patiently(name: str, question: Awaitable[Value]) -> Value | None:
    """The answer, or None when it is an error or does not come in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except Exception as error:  # noqa: BLE001 -- whatever a check runs into is what it was to find out
        reason = " ".join(str(error).split())
        _LOG.warning("the check of %s failed: %s: %s", name, type(error).__name__, reason)
        return None
