"""Worker threads of a slice, and the task that waits for them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from fakes.persistence.database import FakeDatabase
from fakes.queue import FakeProgressBoard
from framecloak.domain.anonymization.model.slices import Lease, SliceKind
from framecloak.domain.anonymization.work import lease_renewal
from framecloak.domain.anonymization.work.lease_renewal import ActiveLease, LeaseEndedError, WorkerStuckError
from framecloak.domain.errors import ProcessingTimeoutError
from framecloak.domain.model.segments import Segment

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
