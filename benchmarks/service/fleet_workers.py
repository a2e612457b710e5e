"""Simulated workers of ``benchmarks.service.fleet``: real dispatcher and leases; frames take time only.

Reads one JSON object with its options from standard input, runs until the queue is drained, and prints one
JSON object with its measurements.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uvloop
from redis.exceptions import RedisError

from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.redis.job_queue import HIGH_QUEUE, NORMAL_QUEUE, ArqJobQueue
from framecloak.adapters.redis.progress_board import RedisProgressBoard
from framecloak.domain.anonymization.model.request import Status, StoredResult
from framecloak.domain.anonymization.model.slices import Lease, LeaseState, SliceKind
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.work.lease_renewal import RENEWAL_INTERVAL, ActiveLease, LeaseEndedError
from framecloak.domain.anonymization.work.slice_planning import choose_slice
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.worker.consumer import POLL_INTERVAL_SECONDS
from framecloak.entrypoints.worker.lifecycle import HEARTBEAT_INTERVAL, POLL_INTERVAL, SLICE_QUEUES

WORKERS_PER_CLIENT = 25
"""Workers that share a client of Redis; a real worker has one of its own."""

RESTART_SECONDS = 2.0
"""Seconds until a dead worker is replaced."""


@dataclass(frozen=True)
class Options:
    """Options of a process of simulated workers.

    Attributes:
        name: prefix of the names of its workers.
        database_url, redis_url: servers.
        workers: number of workers.
        frames_per_second: speed of a worker.
        deaths: probability that a worker dies during a slice.
        slots: maximum number of requests in progress.
        lease_seconds: validity of a lease without renewal.
        connections: maximum number of database connections of the process.
    """

    name: str
    database_url: str
    redis_url: str
    workers: int
    frames_per_second: float
    deaths: float
    slots: int
    lease_seconds: float
    connections: int


@dataclass
class Measurements:
    """Measurements of a process.

    Attributes:
        leases: time of each lease since the start, and seconds from looking for work to holding it.
        dispatches: time of each run of the dispatcher since the start, and its seconds.
        finished: request and number of each slice that counts.
        deaths: number of workers that died.
        taken_over: number of leases taken over after they had expired.
        lost_leases: number of leases that ended before their work did.
        errors: errors of servers, by text.
    """

    leases: list[tuple[float, float]] = field(default_factory=list)
    dispatches: list[tuple[float, float]] = field(default_factory=list)
    finished: list[tuple[str, int]] = field(default_factory=list)
    deaths: int = 0
    taken_over: int = 0
    lost_leases: int = 0
    errors: dict[str, int] = field(default_factory=dict)


class Fleet:
    """Some of the workers of a process, which share a client of Redis, and its database connections."""

    def __init__(
        self,
        options: Options,
        measured: Measurements,
        database: PostgresDatabase,
        queue: ArqJobQueue,
        board: RedisProgressBoard,
    ) -> None:
        self.options = options
        self.measured = measured
        self._database = database
        self._queue = queue
        self._board = board
        self._dispatcher = Dispatcher(database, queue, options.slots)
        self._chance = random.Random(options.name)  # noqa: S311 -- no secret
        self._began = time.monotonic()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Run the workers until the queue is drained."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for number in range(self.options.workers):
                group.create_task(self._slot(number))

    async def _watch(self) -> None:
        while not self._over.is_set():
            await asyncio.sleep(1.0)
            with suppress(DomainError):
                async with self._database.unit_of_work() as work:
                    counts = await work.statistics.counts()
                if not counts[Status.PENDING] + counts[Status.PROCESSING]:
                    self._over.set()

    async def _slot(self, number: int) -> None:
        """Run one worker after the other: a dead one is replaced."""
        generation = 0
        while not self._over.is_set():
            name = f"{self.options.name}-{number}-{generation}"
            heartbeat = asyncio.create_task(self._heartbeat(name))
            try:
                await self._worker(name)
            finally:
                heartbeat.cancel()
            if not self._over.is_set():
                self.measured.deaths += 1
                await asyncio.sleep(RESTART_SECONDS)
            generation += 1

    async def _heartbeat(self, name: str) -> None:
        await asyncio.sleep(self._chance.random() * HEARTBEAT_INTERVAL)
        while True:
            with suppress(DomainError):
                await self._queue.announce(name, SLICE_QUEUES)
            await asyncio.sleep(HEARTBEAT_INTERVAL)

    async def _worker(self, name: str) -> None:
        """Process slices until the queue is drained or the worker dies."""
        last: Lease | None = None
        while not self._over.is_set():
            try:
                lease = await self._lease(name, last)
                if lease is None:
                    await self._wait_for_work()
                elif self._chance.random() < self.options.deaths:
                    # A dead worker neither renews nor releases its lease.
                    await asyncio.sleep(self._seconds(lease) / 2)
                    return
                else:
                    await self._process(lease)
                    last = lease
            except LeaseEndedError:
                self.measured.lost_leases += 1
            except DomainError as error:
                text = str(error)
                self.measured.errors[text] = self.measured.errors.get(text, 0) + 1
                await asyncio.sleep(1.0)

    async def _lease(self, name: str, last: Lease | None) -> Lease | None:
        """Lease the next slice, as ``SliceLoop`` and ``SliceWorker`` do."""
        began = time.monotonic()
        turns = await self._dispatcher.run()
        self.measured.dispatches.append((began - self._began, time.monotonic() - began))
        for wait in (False, True):
            for request_id in turns:
                after = last.number if last and last.request_id == request_id else None
                lease = await self._lease_of(request_id, after, name, wait=wait)
                if lease is not None:
                    self.measured.leases.append((began - self._began, time.monotonic() - began))
                    self.measured.taken_over += lease.recovered
                    return lease
        return None

    async def _lease_of(self, request_id: UUID, after: int | None, name: str, *, wait: bool) -> Lease | None:
        ttl = timedelta(seconds=self.options.lease_seconds)
        async with self._database.unit_of_work() as work:
            ready = list(await work.slices.ready_numbers(request_id))
        while ready:
            number = choose_slice(ready, after)
            async with self._database.unit_of_work() as work:
                lease = await work.slices.lease(request_id, number, name, ttl, wait=wait)
                await work.commit()
            if lease is not None or not wait:
                return lease
            ready.remove(number)
        return None

    async def _wait_for_work(self) -> None:
        """Wait for a wake-up, or for the next poll of an idle worker."""
        until = time.monotonic() + POLL_INTERVAL
        while time.monotonic() < until and not self._over.is_set():
            for queue in (HIGH_QUEUE, NORMAL_QUEUE):
                with suppress(RedisError, OSError):
                    if await self._queue.redis.zpopmin(queue):
                        return
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    def _seconds(self, lease: Lease) -> float:
        """Return the mean duration of the work on a slice in seconds; assembly takes a fiftieth of it."""
        frames = len(lease.segment) if lease.kind is SliceKind.FRAMES else len(lease.segment) / 50
        return frames / self.options.frames_per_second

    async def _process(self, lease: Lease) -> None:
        held = ActiveLease(lease, 3600.0, timedelta(seconds=self.options.lease_seconds))
        seconds = self._seconds(lease) * self._chance.uniform(0.7, 1.3)
        async with held.renewed(self._database, self._board):
            ends_at = time.monotonic() + seconds
            while (left := ends_at - time.monotonic()) > 0:
                await asyncio.sleep(min(left, RENEWAL_INTERVAL))
                held.frames_done = int(len(lease.segment) * max(0.0, 1 - left / seconds))
            await held.complete(lambda: self._finish(lease))
        self.measured.finished.append((str(lease.request_id), lease.number))

    async def _finish(self, lease: Lease) -> LeaseState:
        async with self._database.unit_of_work() as work:
            state = await work.slices.finish(lease, 0)
            if state is LeaseState.HELD and lease.kind is SliceKind.ASSEMBLY:
                result = StoredResult(str(lease.request_id), 1, "0" * 64)
                await work.requests.finish(
                    lease.request_id, Status.COMPLETED, datetime.now(UTC), result=result
                )
            await work.commit()
        return state


async def run(options: Options) -> Measurements:
    """Run the workers of one process, and return their measurements."""
    measured = Measurements()
    database = PostgresDatabase(options.database_url, options.connections)
    crews = -(-options.workers // WORKERS_PER_CLIENT)
    # The group is left first, and with it all workers have ended.
    async with AsyncExitStack() as clients, asyncio.TaskGroup() as group:
        for number in range(crews):
            queue = await clients.enter_async_context(ArqJobQueue(options.redis_url))
            board = await clients.enter_async_context(RedisProgressBoard(options.redis_url))
            size = options.workers // crews + (number < options.workers % crews)
            crew = replace(options, name=f"{options.name}-{number}", workers=size)
            group.create_task(Fleet(crew, measured, database, queue, board).run())
    await database.close()
    return measured


def main() -> None:
    """Run as a program."""
    options = Options(**json.loads(sys.stdin.readline()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(run(options))
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
