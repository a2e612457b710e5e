"""Worker threads of a slice, and the task that waits for them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.persistence.database import FakeDatabase, FakeUnitOfWork
from fakes.queue import FakeListener, FakeProgressBoard
from framecloak.domain.anonymization.model.slices import Lease, LeaseState, SliceKind
from framecloak.domain.anonymization.work import lease_renewal
from framecloak.domain.anonymization.work.lease_renewal import (
    RENEWAL_INTERVAL,
    ActiveLease,
    LeaseEndedError,
    WorkerStuckError,
    renewal_interval,
)
from framecloak.domain.errors import ProcessingTimeoutError
from framecloak.domain.model.segments import Segment
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness

LEASE = Lease(uuid4(), 3, SliceKind.FRAMES, Segment(0, 9), "worker", 1, 0, recovered=False)


@pytest.fixture
def lease() -> ActiveLease:
    return ActiveLease(LEASE, 60.0, timedelta(seconds=30))


@pytest.mark.parametrize("cancellations", [1, 2, 3])
async def test_the_exception_of_a_thread_is_retrieved_after_any_number_of_cancellations(
    lease: ActiveLease, cancellations: int
) -> None:
    loop, begun, proceed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    ends: list[str] = []

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        proceed.wait(10)
        try:
            lease.require_held()
        except LeaseEndedError:
            ends.append("lease ended")
            raise

    task = asyncio.create_task(lease.run_in_thread(work))
    await begun.wait()
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    proceed.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert ends == ["lease ended"]
    del task
    gc.collect()
    assert complaints == []  # asyncio reports every exception that was never retrieved


async def run_with_lease(lease: ActiveLease, work: Callable[[], Awaitable[None]]) -> None:
    database = FakeDatabase()
    database.reachable = False  # the lease stays valid until it expires
    async with lease.renewed(database, FakeProgressBoard()):
        await work()


async def test_a_hanging_server_ends_a_slice_at_its_time_limit() -> None:
    lease = ActiveLease(LEASE, 0.05, timedelta(seconds=30))
    with pytest.raises(ProcessingTimeoutError):
        await run_with_lease(lease, asyncio.Event().wait)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@pytest.mark.parametrize("late", [0.2, 0.6])
async def test_a_thread_that_checks_its_lease_late_ends_with_a_timeout(
    late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "STUCK_AFTER", 10.0)
    lease = ActiveLease(LEASE, 0.05, timedelta(seconds=30))
    ends: list[type[Exception]] = []

    def work() -> None:
        time.sleep(late)
        try:
            lease.count_frame()
        except Exception as error:
            ends.append(type(error))
            raise

    with pytest.raises(ProcessingTimeoutError):
        await run_with_lease(lease, lambda: lease.run_in_thread(work))
    assert ends == [ProcessingTimeoutError]


async def test_a_hanging_thread_is_reported_even_after_a_second_cancellation(
    lease: ActiveLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "STUCK_AFTER", 0.2)
    loop, begun, proceed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        proceed.wait(10)

    task = asyncio.create_task(lease.run_in_thread(work))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(WorkerStuckError):
        await task
    proceed.set()


@given(renewing=st.floats(0, 1e6), slower=st.floats(0, 1e6), ttl=st.floats(0.01, 1e6))
def test_the_renewal_interval_grows_with_the_time_a_renewal_takes_and_fits_the_lease(
    renewing: float, slower: float, ttl: float
) -> None:
    interval = renewal_interval(renewing, ttl)
    assert interval >= RENEWAL_INTERVAL
    assert interval <= max(RENEWAL_INTERVAL, ttl / 4)
    assert interval <= max(RENEWAL_INTERVAL, 10 * renewing)
    assert renewal_interval(renewing + slower, ttl) >= interval


async def leased_slice(harness: WorkerHarness) -> Lease:
    request_id = await harness.submit((0, 5))
    await harness.world.dispatcher.run()
    lease = await harness.worker().lease(request_id)
    assert lease is not None
    return lease


@pytest.mark.parametrize("found_by", ["its announcement", "the next renewal"])
async def test_a_cancelled_request_ends_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found_by: str
) -> None:
    harness = WorkerHarness(FakeService(tmp_path))
    world, is_announced = harness.world, found_by == "its announcement"
    lease = await leased_slice(harness)
    monkeypatch.setattr(lease_renewal, "RENEWAL_INTERVAL", 3600.0 if is_announced else 0.05)
    world.board.drops_announcements = not is_announced
    held = ActiveLease(lease, 60.0, timedelta(seconds=30))
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    def work() -> None:
        while True:
            held.count_frame()
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.001)

    async def process() -> None:
        async with held.renewed(world.database, world.board):
            await held.run_in_thread(work)

    processing = asyncio.create_task(process())
    await begun.wait()
    await world.anonymization.cancel(harness.anna, lease.request_id)
    with pytest.raises(LeaseEndedError):
        await processing
    assert held.state is LeaseState.CANCELLED


class RecordingListener(FakeListener):
    """Is never notified, and returns from each wait without waiting.

    Attributes:
        waits: timeouts of all waits in seconds.
        asked_often: set at the fourth wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.asked_often = asyncio.Event()

    async def wait_for_change(self, max_wait_seconds: float) -> bool:
        self.waits.append(max_wait_seconds)
        if len(self.waits) >= 4:
            self.asked_often.set()
        await asyncio.sleep(0)
        return False


class RecordingBoard(FakeProgressBoard):
    def __init__(self) -> None:
        super().__init__()
        self.listener = RecordingListener()

    @contextmanager
    def listen_for_cancellation(self, request_id: UUID) -> Iterator[FakeListener]:
        yield self.listener


async def test_a_slow_database_is_asked_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = WorkerHarness(FakeService(tmp_path))
    lease = await leased_slice(harness)
    monkeypatch.setattr(lease_renewal, "RENEWAL_INTERVAL", 0.01)
    open_quickly = harness.world.database.unit_of_work

    def open_slowly() -> FakeUnitOfWork:
        time.sleep(0.1)
        return open_quickly()

    monkeypatch.setattr(harness.world.database, "unit_of_work", open_slowly)
    board = RecordingBoard()
    waits = board.listener.waits
    async with ActiveLease(lease, 60.0, timedelta(seconds=30)).renewed(harness.world.database, board):
        await board.listener.asked_often.wait()
    assert waits[0] == 0.01
    assert min(waits[1:]) >= 1.0
