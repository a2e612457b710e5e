"""A worker on a real Redis: wakeups, priorities, periodic tasks, failures and shutdown."""

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
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness


@dataclass
class FakeMaintenance:
    """Stand-in for the cleanup, webhooks and gallery maintenance."""

    cleanups: int = 0
    deliveries: int = 0
    error: Exception | None = None
    report: CleanupReport = field(default_factory=CleanupReport)

    async def run(self) -> CleanupReport:
        self.cleanups += 1
        return self.report

    async def deliver_due(self) -> int:
        self.deliveries += 1
        if self.error:
            error, self.error = self.error, None
            raise error
        return 0

    async def maintain_indexes(self) -> int:
        return 0


@dataclass
class FakeSliceWorker:
    """Stand-in for the slice worker that records its slices, and can wait or fail."""

    harness: WorkerHarness
    begun: list[UUID] = field(default_factory=list)
    interrupted: list[UUID] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._worker = self.harness.worker()

    async def lease(self, request_id: UUID, *, wait: bool = True) -> Lease | None:
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
class RunningWorker:
    """A running worker and its parts."""

    slice_worker: FakeSliceWorker
    maintenance: FakeMaintenance
    world: FakeService
    queue: ArqJobQueue
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def submit(self, name: str, priority: Priority = Priority.NORMAL) -> UUID:
        """Submit a request of one slice as the named user."""
        user = await self.world.person(name)
        spec = replace(await self.world.request_spec(user, (0, 4)), priority=priority)
        return (await self.world.submissions.submit(user, spec)).request.id

    async def statuses(self) -> list[Status]:
        return [request.status for request in self.world.fake_database.tables.requests.values()]


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(patience(seconds)):
        while True:
            result = condition()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_worker(
    url: str,
    scratch: Path,
    *,
    grace: float = 0.2,
    interval: timedelta = timedelta(hours=1),
    has_memory: Callable[[], bool] = lambda: True,
    exit_process: Callable[[], None] = lambda: None,
    duty: Duty = Duty.ALL,
    world: FakeService | None = None,
    maintenance: FakeMaintenance | None = None,
    meter: Meter = NULL_METER,
) -> AsyncIterator[RunningWorker]:
    maintenance, stop = maintenance or FakeMaintenance(), asyncio.Event()
    async with ArqJobQueue(url) as queue:
        world = world or FakeService(scratch, queue=queue)
        slice_worker = FakeSliceWorker(WorkerHarness(world))
        parts = WorkerParts(
            slices=slice_worker,  # type: ignore[arg-type] - a stand-in
            dispatcher=world.dispatcher,
            webhooks=maintenance,  # type: ignore[arg-type] - a stand-in
            cleaner=maintenance,  # type: ignore[arg-type] - a stand-in
            gallery_maintenance=maintenance,  # type: ignore[arg-type] - a stand-in
            queue=queue,
            redis_url=url,
            cleanup_interval=interval,
            grace=timedelta(seconds=grace),
            name="tests:1",
            duty=duty,
            has_memory=has_memory,
            exit_process=exit_process,
            meter=meter,
        )
        task = asyncio.create_task(run_worker(parts, stop))
        try:
            yield RunningWorker(slice_worker, maintenance, world, queue, stop, task)
        finally:
            stop.set()
            async with asyncio.timeout(patience(20)):
                await task


@pytest.fixture(autouse=True)
def only_wakeups_start_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable polling for slices, which would hide the effect of wakeups, and poll often for cleanups."""
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 3600.0)
    monkeypatch.setattr(lifecycle, "CLEANUP_POLL_INTERVAL", 0.05)


def record_claims(worker: RunningWorker) -> list[bool]:
    """Record in a list the result of every further attempt of a worker to claim the cleanup slot."""
    claims: list[bool] = []
    original_claim_slot = worker.queue.claim_slot

    async def claim(name: str, ttl: timedelta) -> bool:
        claims.append(await original_claim_slot(name, ttl))
        return claims[-1]

    worker.queue.claim_slot = claim  # type: ignore[method-assign]
    return claims


async def test_a_wakeup_starts_work_and_the_worker_is_listed(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path) as worker:
        worker.slice_worker.open.set()
        await asyncio.sleep(0.2)  # the first poll found nothing
        for name in ("anna", "ben", "cleo"):
            await worker.submit(name)

        async def is_done() -> bool:
            return await worker.statuses() == [Status.COMPLETED] * 3

        await until(is_done)

        async def has_no_wakeups() -> bool:
            return not await worker.queue.wakeups()

        await until(has_no_wakeups)
        (listed,) = await worker.queue.workers()
        assert (listed.name, listed.queues) == ("tests:1", SLICE_QUEUES + UPKEEP_QUEUES)
    async with ArqJobQueue(redis_url) as queue:
        assert list(await queue.workers()) == []


async def test_the_worker_polls_without_wakeups(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 0.1)
    async with running_worker(redis_url, tmp_path, world=FakeService(tmp_path)) as worker:
        worker.slice_worker.open.set()
        await worker.submit("anna")
        await until(lambda: len(worker.slice_worker.begun) == 2)  # the slice, and the assembly


async def test_urgent_requests_come_first(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path) as worker:
        first = await worker.submit("anna")
        await until(lambda: worker.slice_worker.begun == [first])
        normal = await worker.submit("ben")
        urgent = await worker.submit("cleo", Priority.HIGH)
        worker.slice_worker.open.set()
        await until(lambda: len(worker.slice_worker.begun) == 6)
        assert worker.slice_worker.begun.index(urgent) < worker.slice_worker.begun.index(normal)


async def test_a_stopped_worker_finishes_what_it_can_and_releases_the_rest(
    redis_url: str, tmp_path: Path
) -> None:
    world = FakeService(tmp_path)
    async with running_worker(redis_url, tmp_path, grace=0.2, world=world) as worker:
        unfinished = await worker.submit("anna")
        await worker.queue.wake_workers(unfinished, Priority.NORMAL)
        await until(lambda: worker.slice_worker.begun == [unfinished])
        worker.stop.set()
        await until(worker.task.done)
        assert worker.slice_worker.interrupted == [unfinished]
    world.clock.advance(timedelta(minutes=1))  # the stand-in does not release its lease
    async with running_worker(redis_url, tmp_path, grace=30, world=world) as other_worker:
        await until(lambda: other_worker.slice_worker.begun == [unfinished])
        other_worker.stop.set()
        await asyncio.sleep(0.3)
        other_worker.slice_worker.open.set()
        await until(other_worker.task.done)
        async with world.database.unit_of_work() as work:
            assert len(await work.slices.parts(unfinished)) == 1


@pytest.mark.parametrize("error", [DatabaseUnavailableError("it is unavailable"), RuntimeError("a defect")])
async def test_an_error_does_not_end_the_worker(redis_url: str, tmp_path: Path, error: Exception) -> None:
    async with running_worker(redis_url, tmp_path) as worker:
        worker.slice_worker.open.set()
        worker.slice_worker.error = error
        await worker.submit("anna")
        await until(lambda: len(worker.slice_worker.begun) >= 1)
        await worker.submit("ben")

        async def is_done() -> bool:
            return Status.COMPLETED in await worker.statuses()

        await until(is_done)


async def test_the_process_exits_when_a_thread_hangs(redis_url: str, tmp_path: Path) -> None:
    exits: list[bool] = []
    async with running_worker(redis_url, tmp_path, exit_process=lambda: exits.append(True)) as worker:
        worker.slice_worker.error = WorkerStuckError("a thread hangs")
        await worker.submit("anna")
        await until(lambda: exits == [True])


async def test_without_memory_wakeups_are_left_to_other_workers(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path, has_memory=lambda: False) as worker:
        request = await worker.submit("anna")
        await asyncio.sleep(0.5)
        assert (await worker.queue.wakeups())[request] == 1


async def test_without_memory_no_slice_is_started(redis_url: str, tmp_path: Path) -> None:
    has_memory = [False]
    async with running_worker(redis_url, tmp_path, has_memory=lambda: has_memory[0]) as worker:
        worker.slice_worker.open.set()
        request = await worker.submit("anna")
        await asyncio.sleep(0.5)
        assert worker.slice_worker.begun == []
        has_memory[0] = True
        await worker.queue.wake_workers(request, Priority.NORMAL)
        await until(lambda: worker.slice_worker.begun == [request, request])


async def test_malformed_wakeups_are_dropped(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path) as worker, Redis.from_url(redis_url) as redis:
        worker.slice_worker.open.set()
        await redis.set("arq:job:garbage", b"\xc1 not valid msgpack")
        await redis.zadd(NORMAL_QUEUE, {"garbage": 1})
        await worker.queue.redis.enqueue_job(SLICE_TASK, "no uuid", _queue_name=NORMAL_QUEUE)
        await worker.queue.redis.enqueue_job("unheard_of", _queue_name=NORMAL_QUEUE)
        await worker.queue.wake_workers(uuid4(), Priority.NORMAL)
        request = await worker.submit("anna")
        await until(lambda: worker.slice_worker.begun == [request, request])

        async def is_empty() -> bool:
            return not await redis.zcard(NORMAL_QUEUE)

        await until(is_empty)


async def test_no_request_is_lost_when_redis_restarts_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL", 0.3)
    monkeypatch.setattr(lifecycle, "HEARTBEAT_INTERVAL", 0.2)
    redis = EmbeddedRedis(tmp_path / "redis", available_port(None))
    url = await redis.start()
    try:
        async with running_worker(url, tmp_path) as worker:

            async def is_listed() -> bool:
                return bool(await worker.queue.workers())

            await until(is_listed)
            held = await worker.submit("anna")
            await until(lambda: worker.slice_worker.begun == [held])
            later = await worker.submit("ben")
            await redis.stop()
            await asyncio.sleep(0.5)
            (tmp_path / "redis" / "appendonly.aof").unlink()
            assert await redis.start() == url
            worker.slice_worker.open.set()
            await until(lambda: worker.slice_worker.begun.count(later) == 2)
            await until(is_listed)
    finally:
        await redis.stop()


async def test_one_cleanup_is_requested_per_interval_by_all_workers(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The workers try continuously instead of once a minute or four times per interval.
    monkeypatch.setattr(lifecycle, "_check_interval", lambda _: 0.05)
    async with running_worker(redis_url, tmp_path) as first, running_worker(redis_url, tmp_path) as second:
        await until(lambda: first.maintenance.cleanups + second.maintenance.cleanups == 1)
        claims = record_claims(first), record_claims(second)
        await until(lambda: min(map(len, claims)) >= 5)
        assert not any(map(any, claims))
        assert first.maintenance.cleanups + second.maintenance.cleanups == 1
    async with running_worker(redis_url, tmp_path, interval=timedelta(milliseconds=500)) as third:
        further_claims = record_claims(third)
        await until(lambda: len(further_claims) >= 5)
        # The slot that was claimed for an hour is still taken.
        assert not any(further_claims)
        assert third.maintenance.cleanups == 0
        async with Redis.from_url(redis_url) as redis:
            await redis.delete("framecloak:slots:cleanup")
        await until(lambda: third.maintenance.cleanups >= 2)


async def test_a_periodic_task_is_repeated_after_an_unexpected_error(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "WEBHOOK_INTERVAL", 0.02)
    async with running_worker(redis_url, tmp_path) as worker:
        worker.maintenance.error = ZeroDivisionError("a slip")
        await until(lambda: worker.maintenance.error is None)
        deliveries = worker.maintenance.deliveries
        await until(lambda: worker.maintenance.deliveries > deliveries)
        assert not worker.task.done()


async def test_results_and_failures_of_a_cleanup_are_counted_and_logged(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    step_failure = CleanupFailure(CleanupStep.UPLOADS, 2, "cannot delete uploads/a")
    meter, maintenance = (
        FakeMeter(),
        FakeMaintenance(report=CleanupReport(results=3, tokens=5, step_failures=(step_failure,))),
    )
    async with running_worker(redis_url, tmp_path, maintenance=maintenance, meter=meter):
        await until(lambda: bool(meter.removed))
    assert (meter.removed["results"], meter.removed["download_rights"]) == (3, 5)
    assert meter.not_removed == {"uploads": 2}
    (logged,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (logged.message, vars(logged)["count"]) == ("cannot clean up uploads: cannot delete uploads/a", 2)


async def test_a_slice_worker_leaves_cleanups_to_others(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path, duty=Duty.SLICES) as worker:
        worker.slice_worker.open.set()
        await worker.submit("anna")
        await worker.queue.request_cleanup()

        async def is_done() -> bool:
            return await worker.statuses() == [Status.COMPLETED]

        await until(is_done)
        assert worker.maintenance.cleanups == 0
        assert [listed.queues for listed in await worker.queue.workers()] == [SLICE_QUEUES]


async def test_an_upkeep_worker_processes_no_slices_and_is_not_listed(redis_url: str, tmp_path: Path) -> None:
    async with running_worker(redis_url, tmp_path, duty=Duty.UPKEEP) as worker:
        worker.slice_worker.open.set()
        await worker.submit("anna")
        await until(lambda: worker.maintenance.cleanups == 1)
        assert worker.slice_worker.begun == []
        assert await worker.queue.wakeups()
        assert list(await worker.queue.workers()) == []
        assert [listed.queues for listed in await worker.queue.processes()] == [UPKEEP_QUEUES]
