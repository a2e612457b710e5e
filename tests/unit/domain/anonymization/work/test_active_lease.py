"""Threads that work on a slice, and the task that waits for them."""

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
from framecloak.domain.anonymization.work import active_lease
from framecloak.domain.anonymization.work.active_lease import ActiveLease, LeaseEndedError, WorkerStuckError
from framecloak.domain.errors import ProcessingTimeoutError
from framecloak.domain.model.segments import Segment

LEASE = Lease(uuid4(), 3, SliceKind.FRAMES, Segment(0, 9), "worker", 1, 0, recovered=False)


@pytest.fixture
def held() -> ActiveLease:
    return ActiveLease(LEASE, 60.0, timedelta(seconds=30))


@pytest.mark.parametrize("cancellations", [1, 2, 3])
async def test_what_a_thread_ends_with_is_looked_at_however_often_its_task_was_cancelled(
    held: ActiveLease, cancellations: int
) -> None:
    loop, begun, proceed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    ends: list[str] = []

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        proceed.wait(10)
        try:
            held.require_held()
        except LeaseEndedError:
            ends.append("told to end")
            raise

    task = asyncio.create_task(held.run_in_thread(work))
    await begun.wait()
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    proceed.set()
    await asyncio.wait([task])
    assert task.cancelled()
    assert ends == ["told to end"]
    del task
    gc.collect()
    assert complaints == []  # asyncio makes one of every exception that nobody looked at


async def in_time(held: ActiveLease, work: Callable[[], Awaitable[None]]) -> None:
    database = FakeDatabase()
    database.reachable = False  # for the moment, the lease is good as long as it lasts
    async with held.renewed(database, FakeProgressBoard()):
        await work()


async def test_a_server_that_hangs_costs_a_slice_no_more_than_its_time() -> None:
    held = ActiveLease(LEASE, 0.05, timedelta(seconds=30))
    with pytest.raises(ProcessingTimeoutError):
        await in_time(held, asyncio.Event().wait)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@pytest.mark.parametrize("late", [0.2, 0.6])
async def test_a_thread_that_looks_late_ends_with_the_time_out_however_late(
    late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_lease, "STUCK_AFTER", 10.0)
    held = ActiveLease(LEASE, 0.05, timedelta(seconds=30))
    ends: list[type[Exception]] = []

    def work() -> None:
        time.sleep(late)
        try:
            held.count_frame()
        except Exception as error:
            ends.append(type(error))
            raise

    with pytest.raises(ProcessingTimeoutError):
        await in_time(held, lambda: held.run_in_thread(work))
    assert ends == [ProcessingTimeoutError]


async def test_a_thread_that_hangs_is_told_of_also_after_a_second_cancellation(
    held: ActiveLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_lease, "STUCK_AFTER", 0.2)
    loop, begun, proceed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        proceed.wait(10)

    task = asyncio.create_task(held.run_in_thread(work))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(WorkerStuckError):
        await task
    proceed.set()
