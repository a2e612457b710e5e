"""Use case: the numbers that somebody watches all day."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.operations.health import FAILED, OK, Health
from framecloak.domain.operations.probes import Checks
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import Clock, JobQueue

LASTS = 5.0
"""Seconds for which numbers are told again rather than looked up, however many ask."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers at one moment; None where they could not be looked up.

    Attributes:
        requests: how many there are, by status.
        frames_waiting: still to be done in all unfinished requests.
        oldest_waiting_seconds: since the oldest request that waits was submitted; 0 when none waits.
        tickets: that wait for a worker in the queue.
        workers: that gave a sign of life not long ago.
        storage_bytes: what videos and results take.
        checks: whether database, redis, storage and models are well.
        failed: names of the look-ups that gave nothing.
    """

    requests: Mapping[Status, int] | None
    frames_waiting: int | None
    oldest_waiting_seconds: float | None
    tickets: int | None
    workers: int | None
    storage_bytes: int | None
    checks: Mapping[str, bool]
    failed: tuple[str, ...]


class Vitals:
    """Looks numbers up, each for a limited time, and remembers them for a moment.

    Args:
        database: knows the requests.
        queue: knows the tickets.
        clock: tells how old a request is.
        health: checks the servers.
    """

    def __init__(self, database: Database, queue: JobQueue, clock: Clock, health: Health) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._health = health
        self._checks = Checks()
        self._one_at_a_time = asyncio.Lock()
        self._reading: Reading | None = None
        self._good_until = 0.0

    async def read(self) -> tuple[Reading, bool]:
        """The numbers of now or a moment ago; never raises for what it looks at.

        Returns:
            The numbers, and whether they were looked up for this call.
        """
        async with self._one_at_a_time:
            now = asyncio.get_running_loop().time()
            if self._reading is not None and now < self._good_until:
                return self._reading, False
            self._reading = await self._look()
            self._good_until = asyncio.get_running_loop().time() + LASTS
            return self._reading, True

    async def _look(self) -> Reading:
        report, requests, tickets = await asyncio.gather(
            self._health.check(),
            self._checks.answer("requests", self._requests),
            self._checks.answer("tickets", self._tickets),
        )
        counts, frames_waiting, since = requests or (None, None, None)
        waited = None if counts is None else 0.0
        if since is not None:
            waited = max(0.0, (self._clock.now() - since).total_seconds())
        failed = [name for name, found in report.checks.items() if found == FAILED]
        failed += ["requests"] if requests is None else []
        failed += ["tickets"] if tickets is None else []
        return Reading(
            requests=counts,
            frames_waiting=frames_waiting,
            oldest_waiting_seconds=waited,
            tickets=tickets,
            workers=report.workers if report.checks["redis"] == OK else None,
            storage_bytes=report.storage_bytes,
            checks={name: found == OK for name, found in report.checks.items()},
            failed=tuple(failed),
        )

    async def _requests(self) -> tuple[Mapping[Status, int], int, datetime | None]:
        async with self._database.unit_of_work() as work:
            requests = work.requests
            waiting = sum((await requests.frames_waiting()).values())
            return await requests.counts(), waiting, await requests.waiting_since()

    async def _tickets(self) -> int:
        return sum((await self._queue.tickets()).values())
