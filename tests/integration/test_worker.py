"""A worker on a real Redis: what it takes, in which order, and what becomes of it when something stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from adapters.embedded.processes import available_port
from adapters.embedded.redis import EmbeddedRedis
from adapters.queue.arq import ANONYMIZE, NORMAL_QUEUE, ArqJobQueue
from domain.anonymization.cleaning import CleanupReport
from domain.anonymization.lifecycle import Priority
from domain.errors import DatabaseUnavailableError
from entrypoints.worker import run as worker_run
from entrypoints.worker.run import QUEUES, WorkerParts, run_worker
from world import World


@dataclass
class Desk:
    """Stands in for what works on requests.

    Attributes:
        begun: in order.
        ended: in order.
        interrupted: by cancellation.
        open: while clear, requests take for ever.
    """

    begun: list[UUID] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    interrupted: list[UUID] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def process(self, request_id: UUID) -> None:
        self.begun.append(request_id)
        if self.error:
            raise self.error
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.interrupted.append(request_id)
            raise
        self.ended.append(request_id)


@dataclass
class Broom:
    """Stands in for the clean-up."""

    sweeps: int = 0

    async def run(self) -> CleanupReport:
        self.sweeps += 1
        return CleanupReport(0, 0, 0, 0)


@dataclass
class Shift:
    """A worker at work, and what it works with."""

    desk: Desk
    broom: Broom
    world: World
    queue: ArqJobQueue
    stop: asyncio.Event
    task: asyncio.Task[None]


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(
    url: str,
    scratch: Path,
    *,
    at_once: int = 2,
    grace: float = 0.2,
    interval: timedelta = timedelta(hours=1),
    world: World | None = None,
) -> AsyncIterator[Shift]:
    desk, broom, stop = Desk(), Broom(), asyncio.Event()
    async with ArqJobQueue(url) as queue:
        world = world or World(scratch)
        parts = WorkerParts(
            processor=desk,  # type: ignore[arg-type] - has all that is asked of it
            cleaner=broom,  # type: ignore[arg-type] - as above
            database=world.database,
            queue=queue,
            redis_url=url,
            max_concurrent_requests=at_once,
            cleanup_interval=interval,
            grace=timedelta(seconds=grace),
            name="tests:1",
        )
        task = asyncio.create_task(run_worker(parts, stop))
        try:
            yield Shift(desk, broom, world, queue, stop, task)
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task


async def test_it_does_what_it_is_asked_and_tells_that_it_lives(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift:
        shift.desk.open.set()
        wanted = [uuid4() for _ in range(5)]
        for one in wanted:
            await shift.queue.anonymize(one, Priority.NORMAL)
        await until(lambda: len(shift.desk.ended) == 5)
        assert sorted(shift.desk.ended) == sorted(wanted)

        async def is_empty() -> bool:
            return await shift.queue.depth() == 0

        await until(is_empty)
        (known,) = await shift.queue.workers()
        assert (known.name, known.queues) == ("tests:1", QUEUES)
    async with ArqJobQueue(redis_url) as queue:
        assert list(await queue.workers()) == []


async def test_no_more_than_allowed_are_in_work_and_the_urgent_come_first(
    redis_url: str, tmp_path: Path
) -> None:
    async with working(redis_url, tmp_path, at_once=2) as shift:
        running = [uuid4(), uuid4()]
        for one in running:
            await shift.queue.anonymize(one, Priority.NORMAL)
        await until(lambda: len(shift.desk.begun) == 2)
        later, urgent = uuid4(), uuid4()
        await shift.queue.anonymize(later, Priority.NORMAL)
        await shift.queue.anonymize(urgent, Priority.HIGH)
        await asyncio.sleep(0.5)
        assert len(shift.desk.begun) == 2
        shift.desk.open.set()
        await until(lambda: len(shift.desk.ended) == 4)
        assert shift.desk.begun.index(urgent) < shift.desk.begun.index(later)


async def test_told_to_stop_it_finishes_what_it_can_and_leaves_the_rest_to_others(
    redis_url: str, tmp_path: Path
) -> None:
    async with working(redis_url, tmp_path, grace=0.2) as shift:
        unfinished = uuid4()
        await shift.queue.anonymize(unfinished, Priority.NORMAL)
        await until(lambda: shift.desk.begun == [unfinished])
        shift.stop.set()
        await until(shift.task.done)
        assert shift.desk.interrupted == [unfinished]
        assert await shift.queue.depth() == 1
    async with working(redis_url, tmp_path, grace=30) as other:
        await until(lambda: other.desk.begun == [unfinished])
        other.stop.set()
        await asyncio.sleep(0.3)
        other.desk.open.set()
        await until(other.task.done)
        assert other.desk.ended == [unfinished]
        assert await other.queue.depth() == 0


async def test_an_error_of_one_request_does_not_end_the_worker(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift:
        shift.desk.open.set()
        for error in (DatabaseUnavailableError("it is away"), RuntimeError("a defect")):
            shift.desk.error = error
            one = uuid4()
            await shift.queue.anonymize(one, Priority.NORMAL)
            await until(lambda one=one: one in shift.desk.begun)  # type: ignore[misc]
        shift.desk.error = None
        last = uuid4()
        await shift.queue.anonymize(last, Priority.NORMAL)
        await until(lambda: last in shift.desk.ended)


async def test_what_is_no_job_is_dropped(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift, Redis.from_url(redis_url) as redis:
        shift.desk.open.set()
        await redis.set("arq:job:garbage", b"\xc1 nothing that msgpack knows")
        await redis.zadd(NORMAL_QUEUE, {"garbage": 1})
        await shift.queue.redis.enqueue_job(ANONYMIZE, "no uuid", _queue_name=NORMAL_QUEUE)
        await shift.queue.redis.enqueue_job("unheard_of", _queue_name=NORMAL_QUEUE)
        good = uuid4()
        await shift.queue.anonymize(good, Priority.NORMAL)
        await until(lambda: good in shift.desk.ended)

        async def is_empty() -> bool:
            return await shift.queue.depth() == 0

        await until(is_empty)


async def test_a_redis_that_comes_back_empty_costs_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_run, "SWEEP", 0.3)
    monkeypatch.setattr(worker_run, "LONGEST_PAUSE", 1.0)
    world = World(tmp_path)
    anna = await world.person("anna")
    redis = EmbeddedRedis(tmp_path / "redis", available_port(None))
    url = await redis.start()
    try:
        async with working(url, tmp_path, world=world) as shift:

            async def lives() -> bool:
                return bool(await shift.queue.workers())

            await until(lives)
            await redis.stop()
            # Submitted while nobody could be told.
            request = (await world.submissions.submit(anna, await world.order(anna, (0, 4)))).request
            await asyncio.sleep(0.5)
            (tmp_path / "redis" / "appendonly.aof").unlink()
            assert await redis.start() == url
            shift.desk.open.set()
            await until(lambda: request.id in shift.desk.ended)
    finally:
        await redis.stop()


async def test_a_clean_up_is_ordered_once_in_an_interval_whoever_is_there(
    redis_url: str, tmp_path: Path
) -> None:
    async with working(redis_url, tmp_path) as one, working(redis_url, tmp_path) as other:
        await until(lambda: one.broom.sweeps + other.broom.sweeps == 1)
        await asyncio.sleep(1.5)
        assert one.broom.sweeps + other.broom.sweeps == 1
    async with working(redis_url, tmp_path, interval=timedelta(milliseconds=500)) as third:
        await asyncio.sleep(0.5)
        # The slot that was claimed for an hour still holds.
        assert third.broom.sweeps == 0
        async with Redis.from_url(redis_url) as redis:
            await redis.delete("framecloak:slots:cleanup")
        await until(lambda: third.broom.sweeps >= 2)
