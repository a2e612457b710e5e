"""A worker on a real Redis: what wakes it, what it does first, and what becomes of it when it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from fakes.metrics import FakeMeter
from framecloak.adapters.embedded.processes import available_port
from framecloak.adapters.embedded.redis import EmbeddedRedis
from framecloak.adapters.redis.job_queue import NORMAL_QUEUE, SLICE_TASK, ArqJobQueue
from framecloak.domain.anonymization.model.request import Priority, Status
from framecloak.domain.anonymization.model.slices import Lease
from framecloak.domain.anonymization.requests.cleanup_report import CleanupFailure, CleanupReport, CleanupStep
from framecloak.domain.anonymization.work.lease_renewal import WorkerStuckError
from framecloak.domain.errors import DatabaseUnavailableError
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.entrypoints.worker import lifecycle
from framecloak.entrypoints.worker.duty import Duty
from framecloak.entrypoints.worker.lifecycle import SLICE_QUEUES, UPKEEP_QUEUES, WorkerParts, run_worker
from support.patience import patience
from support.use_cases import World
from support.worker_harness import Desk


@dataclass
class Broom:
    """Stands in for the clean-up, for webhooks and for the upkeep of galleries."""

    sweeps: int = 0
    looks: int = 0
    error: Exception | None = None
    report: CleanupReport = field(default_factory=CleanupReport)

    async def run(self) -> CleanupReport:
        self.sweeps += 1
        return self.report

    async def deliver_due(self) -> int:
        self.looks += 1
        if self.error:
            error, self.error = self.error, None
            raise error
        return 0

    async def maintain_indexes(self) -> int:
        return 0


@dataclass
class Bench:
    """Stands in for what does slices: writes down which, and may wait or fail."""

    real: Desk
    begun: list[UUID] = field(default_factory=list)
    interrupted: list[UUID] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._worker = self.real.worker()

    async def lease(self, request_id: UUID) -> Lease | None:
        return await self._worker.lease(request_id)

    async def process(self, lease: Lease, on_counted: Callable[[], None]) -> None:
        self.begun.append(lease.request_id)
        if self.error:
            error, self.error = self.error, None
            raise error
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.interrupted.append(lease.request_id)
            raise
        await self._worker.process(lease, on_counted)

    def release_resources(self) -> None:
        self._worker.release_resources()


@dataclass
class Shift:
    """A worker at work, and what it works with."""

    bench: Bench
    broom: Broom
    world: World
    queue: ArqJobQueue
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def submit(self, name: str, priority: Priority = Priority.NORMAL) -> UUID:
        """A request of one slice, of somebody with that name."""
        person = await self.world.person(name)
        order = replace(await self.world.order(person, (0, 4)), priority=priority)
        return (await self.world.submissions.submit(person, order)).request.id

    async def statuses(self) -> list[Status]:
        return [one.status for one in self.world.fake_database.tables.requests.values()]


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(patience(seconds)):
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
    grace: float = 0.2,
    interval: timedelta = timedelta(hours=1),
    has_room: Callable[[], bool] = lambda: True,
    give_up: Callable[[], None] = lambda: None,
    duty: Duty = Duty.ALL,
    world: World | None = None,
    broom: Broom | None = None,
    meter: Meter = NULL_METER,
) -> AsyncIterator[Shift]:
    broom, stop = broom or Broom(), asyncio.Event()
    async with ArqJobQueue(url) as queue:
        world = world or World(scratch, queue=queue)
        bench = Bench(Desk(world))
        parts = WorkerParts(
            slices=bench,  # type: ignore[arg-type] - has all that is asked of it
            dispatcher=world.dispatcher,
            webhooks=broom,  # type: ignore[arg-type] - as above
            cleaner=broom,  # type: ignore[arg-type] - as above
            gallery_maintenance=broom,  # type: ignore[arg-type] - as above
            queue=queue,
            redis_url=url,
            cleanup_interval=interval,
            grace=timedelta(seconds=grace),
            name="tests:1",
            duty=duty,
            has_memory=has_room,
            exit_process=give_up,
            meter=meter,
        )
        task = asyncio.create_task(run_worker(parts, stop))
        try:
            yield Shift(bench, broom, world, queue, stop, task)
        finally:
            stop.set()
            async with asyncio.timeout(patience(20)):
                await task


@pytest.fixture(autouse=True)
def only_tickets_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of its own would hide what tickets do; those for clean-ups are seldom, and are waited for."""
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 3600.0)
    monkeypatch.setattr(lifecycle, "CLEANUP_POLL_INTERVAL", 0.05)


def claims_of(shift: Shift) -> list[bool]:
    """A list that grows by what comes of each time that a worker tries to order a clean-up from now on."""
    claims: list[bool] = []
    claim_slot = shift.queue.claim_slot

    async def claim(name: str, lasts: timedelta) -> bool:
        claims.append(await claim_slot(name, lasts))
        return claims[-1]

    shift.queue.claim_slot = claim  # type: ignore[method-assign]
    return claims


async def test_a_ticket_wakes_it_and_it_tells_that_it_lives(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift:
        shift.bench.open.set()
        await asyncio.sleep(0.2)  # the look that it began with found nothing
        for name in ("anna", "ben", "cleo"):
            await shift.submit(name)

        async def is_done() -> bool:
            return await shift.statuses() == [Status.COMPLETED] * 3

        await until(is_done)

        async def has_used_all_tickets() -> bool:
            return not await shift.queue.wakeups()

        await until(has_used_all_tickets)
        (known,) = await shift.queue.workers()
        assert (known.name, known.queues) == ("tests:1", SLICE_QUEUES + UPKEEP_QUEUES)
    async with ArqJobQueue(redis_url) as queue:
        assert list(await queue.workers()) == []


async def test_it_looks_by_itself_when_no_ticket_comes(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 0.1)
    async with working(redis_url, tmp_path, world=World(tmp_path)) as shift:
        shift.bench.open.set()
        await shift.submit("anna")
        await until(lambda: len(shift.bench.begun) == 2)  # the slice, and the assembly


async def test_the_urgent_come_first(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift:
        first = await shift.submit("anna")
        await until(lambda: shift.bench.begun == [first])
        normal = await shift.submit("ben")
        urgent = await shift.submit("cleo", Priority.HIGH)
        shift.bench.open.set()
        await until(lambda: len(shift.bench.begun) == 6)
        assert shift.bench.begun.index(urgent) < shift.bench.begun.index(normal)


async def test_told_to_stop_it_finishes_what_it_can_and_gives_the_rest_back(
    redis_url: str, tmp_path: Path
) -> None:
    world = World(tmp_path)
    async with working(redis_url, tmp_path, grace=0.2, world=world) as shift:
        unfinished = await shift.submit("anna")
        await shift.queue.wake_workers(unfinished, Priority.NORMAL)
        await until(lambda: shift.bench.begun == [unfinished])
        shift.stop.set()
        await until(shift.task.done)
        assert shift.bench.interrupted == [unfinished]
    world.clock.advance(timedelta(minutes=1))  # this bench has no hands to give a lease back with
    async with working(redis_url, tmp_path, grace=30, world=world) as other:
        await until(lambda: other.bench.begun == [unfinished])
        other.stop.set()
        await asyncio.sleep(0.3)
        other.bench.open.set()
        await until(other.task.done)
        async with world.database.unit_of_work() as work:
            assert len(await work.slices.parts(unfinished)) == 1


@pytest.mark.parametrize("error", [DatabaseUnavailableError("it is away"), RuntimeError("a defect")])
async def test_an_error_does_not_end_the_worker(redis_url: str, tmp_path: Path, error: Exception) -> None:
    async with working(redis_url, tmp_path) as shift:
        shift.bench.open.set()
        shift.bench.error = error
        await shift.submit("anna")
        await until(lambda: len(shift.bench.begun) >= 1)
        await shift.submit("ben")

        async def is_done() -> bool:
            return Status.COMPLETED in await shift.statuses()

        await until(is_done)


async def test_it_ends_itself_when_a_thread_hangs(redis_url: str, tmp_path: Path) -> None:
    ends: list[bool] = []
    async with working(redis_url, tmp_path, give_up=lambda: ends.append(True)) as shift:
        shift.bench.error = WorkerStuckError("a thread hangs")
        await shift.submit("anna")
        await until(lambda: ends == [True])


async def test_without_room_it_leaves_tickets_to_others(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path, has_room=lambda: False) as shift:
        request = await shift.submit("anna")
        await asyncio.sleep(0.5)
        assert (await shift.queue.wakeups())[request] == 1


async def test_without_room_it_takes_nothing(redis_url: str, tmp_path: Path) -> None:
    room = [False]
    async with working(redis_url, tmp_path, has_room=lambda: room[0]) as shift:
        shift.bench.open.set()
        request = await shift.submit("anna")
        await asyncio.sleep(0.5)
        assert shift.bench.begun == []
        room[0] = True
        await shift.queue.wake_workers(request, Priority.NORMAL)
        await until(lambda: shift.bench.begun == [request, request])


async def test_what_is_no_ticket_is_dropped(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path) as shift, Redis.from_url(redis_url) as redis:
        shift.bench.open.set()
        await redis.set("arq:job:garbage", b"\xc1 nothing that msgpack knows")
        await redis.zadd(NORMAL_QUEUE, {"garbage": 1})
        await shift.queue.redis.enqueue_job(SLICE_TASK, "no uuid", _queue_name=NORMAL_QUEUE)
        await shift.queue.redis.enqueue_job("unheard_of", _queue_name=NORMAL_QUEUE)
        await shift.queue.wake_workers(uuid4(), Priority.NORMAL)
        request = await shift.submit("anna")
        await until(lambda: shift.bench.begun == [request, request])

        async def is_empty() -> bool:
            return not await redis.zcard(NORMAL_QUEUE)

        await until(is_empty)


async def test_a_redis_that_comes_back_empty_costs_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 0.3)
    monkeypatch.setattr(lifecycle, "HEARTBEAT_INTERVAL", 0.2)
    redis = EmbeddedRedis(tmp_path / "redis", available_port(None))
    url = await redis.start()
    try:
        async with working(url, tmp_path) as shift:

            async def lives() -> bool:
                return bool(await shift.queue.workers())

            await until(lives)
            held = await shift.submit("anna")
            await until(lambda: shift.bench.begun == [held])
            later = await shift.submit("ben")
            await redis.stop()
            await asyncio.sleep(0.5)
            (tmp_path / "redis" / "appendonly.aof").unlink()
            assert await redis.start() == url
            shift.bench.open.set()
            await until(lambda: shift.bench.begun.count(later) == 2)
            await until(lives)
    finally:
        await redis.stop()


async def test_a_clean_up_is_ordered_once_in_an_interval_whoever_is_there(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They try all the time, rather than once in a minute or four times in an interval.
    monkeypatch.setattr(lifecycle, "_check_interval", lambda _: 0.05)
    async with working(redis_url, tmp_path) as one, working(redis_url, tmp_path) as other:
        await until(lambda: one.broom.sweeps + other.broom.sweeps == 1)
        claims = claims_of(one), claims_of(other)
        await until(lambda: min(map(len, claims)) >= 5)
        assert not any(map(any, claims))
        assert one.broom.sweeps + other.broom.sweeps == 1
    async with working(redis_url, tmp_path, interval=timedelta(milliseconds=500)) as third:
        tries = claims_of(third)
        await until(lambda: len(tries) >= 5)
        # The slot that was claimed for an hour still holds.
        assert not any(tries)
        assert third.broom.sweeps == 0
        async with Redis.from_url(redis_url) as redis:
            await redis.delete("framecloak:slots:cleanup")
        await until(lambda: third.broom.sweeps >= 2)


async def test_a_chore_that_fails_unexpectedly_is_done_again(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "WEBHOOK_INTERVAL", 0.02)
    async with working(redis_url, tmp_path) as shift:
        shift.broom.error = ZeroDivisionError("a slip")
        await until(lambda: shift.broom.error is None)
        looks = shift.broom.looks
        await until(lambda: shift.broom.looks > looks)
        assert not shift.task.done()


async def test_what_a_clean_up_did_and_could_not_do_is_counted_and_logged(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = CleanupFailure(CleanupStep.UPLOADS, 2, "cannot delete uploads/a")
    meter, broom = FakeMeter(), Broom(report=CleanupReport(results=3, tokens=5, step_failures=(short,)))
    async with working(redis_url, tmp_path, broom=broom, meter=meter):
        await until(lambda: bool(meter.removed))
    assert (meter.removed["results"], meter.removed["download_rights"]) == (3, 5)
    assert meter.not_removed == {"uploads": 2}
    (told,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert (told.message, vars(told)["count"]) == ("cannot clean up uploads: cannot delete uploads/a", 2)


async def test_one_that_does_slices_alone_leaves_clean_ups_to_others(redis_url: str, tmp_path: Path) -> None:
    async with working(redis_url, tmp_path, duty=Duty.SLICES) as shift:
        shift.bench.open.set()
        await shift.submit("anna")
        await shift.queue.request_cleanup()

        async def is_done() -> bool:
            return await shift.statuses() == [Status.COMPLETED]

        await until(is_done)
        assert shift.broom.sweeps == 0
        assert [one.queues for one in await shift.queue.workers()] == [SLICE_QUEUES]


async def test_one_that_tidies_up_alone_does_no_slices_and_counts_as_no_worker(
    redis_url: str, tmp_path: Path
) -> None:
    async with working(redis_url, tmp_path, duty=Duty.UPKEEP) as shift:
        shift.bench.open.set()
        await shift.submit("anna")
        await until(lambda: shift.broom.sweeps == 1)
        assert shift.bench.begun == []
        assert await shift.queue.wakeups()
        assert list(await shift.queue.workers()) == []
        assert [one.queues for one in await shift.queue.processes()] == [UPKEEP_QUEUES]
