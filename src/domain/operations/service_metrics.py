"""Use case: metrics for dashboards, such as queue length, backlog, storage and health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.operations.health import FAILED, OK, HealthService
from framecloak.domain.operations.probes import Probes
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.queue import JobQueue

CACHE_SECONDS = 5.0
"""Seconds for which collected metrics are reused, however many clients request them."""


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Metrics at one moment; None for a value that could not be determined.

    Attributes:
        requests: number of requests by status.
        frames_waiting: unprocessed frames of all unfinished requests.
        oldest_waiting_seconds: age of the oldest waiting request in seconds; 0 when none waits.
        wakeups: number of queued wake-ups for workers.
        workers: number of workers with a recent heartbeat.
        storage_bytes: size of all videos and results.
        checks: True for each of database, redis, storage and models that is healthy.
        failed: names of the probes that failed.
    """

    requests: Mapping[Status, int] | None
    frames_waiting: int | None
    oldest_waiting_seconds: float | None
    wakeups: int | None
    workers: int | None
    storage_bytes: int | None
    checks: Mapping[str, bool]
    failed: tuple[str, ...]


class ServiceMetrics:
    """Collector of metrics, each with a timeout; results are cached for a few seconds.

    Args:
        database: database of requests.
        queue: queue of wake-ups.
        clock: current time (UTC).
        health: health checks of the servers.
    """

    def __init__(self, database: Database, queue: JobQueue, clock: Clock, health: HealthService) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._health = health
        self._probes = Probes()
        self._lock = asyncio.Lock()
        self._snapshot: MetricsSnapshot | None = None
        self._valid_until = 0.0

    async def read(self) -> tuple[MetricsSnapshot, bool]:
        """Return current or recently cached metrics; failed probes do not raise.

        Returns:
            The metrics, and whether they were collected for this call.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._snapshot is not None and now < self._valid_until:
                return self._snapshot, False
            self._snapshot = await self._collect()
            self._valid_until = asyncio.get_running_loop().time() + CACHE_SECONDS
            return self._snapshot, True

    async def _collect(self) -> MetricsSnapshot:
        report, requests, wakeups = await asyncio.gather(
            self._health.check(),
            self._probes.result("requests", self._read_requests),
            self._probes.result("tickets", self._count_wakeups),
        )
        counts, frames_waiting, since = requests or (None, None, None)
        waited = None if counts is None else 0.0
        if since is not None:
            waited = max(0.0, (self._clock.now() - since).total_seconds())
        failed = [name for name, state in report.checks.items() if state == FAILED]
        failed += ["requests"] if requests is None else []
        failed += ["tickets"] if wakeups is None else []
        return MetricsSnapshot(
            requests=counts,
            frames_waiting=frames_waiting,
            oldest_waiting_seconds=waited,
            wakeups=wakeups,
            workers=report.workers if report.checks["redis"] == OK else None,
            storage_bytes=report.storage_bytes,
            checks={name: state == OK for name, state in report.checks.items()},
            failed=tuple(failed),
        )

    async def _read_requests(self) -> tuple[Mapping[Status, int], int, datetime | None]:
        async with self._database.unit_of_work() as work:
            figures = work.statistics
            waiting = sum(each.frames for each in await figures.backlog())
            return await figures.counts(), waiting, await figures.oldest_pending_since()

    async def _count_wakeups(self) -> int:
        return sum((await self._queue.wakeups()).values())
