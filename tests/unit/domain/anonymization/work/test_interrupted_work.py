"""What a worker does when it is stopped, or loses its database, in the middle of a request."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from fakes.media import FakeSource
from fakes.persistence.database import FakeUnitOfWork
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, MAX_FAILURES
from framecloak.domain.anonymization.work import active_lease
from framecloak.domain.anonymization.work.active_lease import WorkerStuckError
from framecloak.domain.errors import DatabaseUnavailableError, UnreadableVideoError
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.support.resilience import Backoff
from support.use_cases import World
from support.worker_harness import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(World(tmp_path))


async def test_a_worker_that_stops_puts_its_request_back(desk: Desk) -> None:
    request_id = await desk.submit((0, 20))
    opened, loop = asyncio.Event(), asyncio.get_running_loop()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    task = asyncio.create_task(desk.process(request_id))
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await desk.can_be_begun(request_id)
    del task
    gc.collect()
    assert complaints == []  # asyncio makes one of every exception that nobody looked at
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_a_database_that_is_down_is_reported_and_nothing_begun(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.world.fake_database.reachable = False
    with pytest.raises(DatabaseUnavailableError):
        await desk.process(request_id)
    desk.world.fake_database.reachable = True
    assert (await desk.request(request_id)).status is Status.PENDING
    assert desk.archives == []


async def test_a_database_that_goes_down_meanwhile_stops_the_work(desk: Desk) -> None:
    request_id = await desk.submit((0, 20))
    source = FakeSource("film.mp4", 100)

    def open_video(_: Path) -> FrameSource:
        desk.world.fake_database.reachable = False
        return source

    desk.open_video = open_video
    with pytest.raises(DatabaseUnavailableError):
        await desk.process(request_id)
    desk.world.fake_database.reachable = True
    assert desk.results() == {}
    assert await desk.finished_parts(request_id) == []
    assert list(desk.world.scratch.iterdir()) == []
    assert not [one for one in threading.enumerate() if one.name.startswith("frames")]


class Outage:
    """Has the database go away when asked to, and come back after so many failed tries."""

    def __init__(self, world: World, tries: int) -> None:
        self._database, self._ping, self._tries = world.fake_database, world.fake_database.ping, tries
        self.failed = 0

    def begin(self) -> None:
        self._database.ping = self._refuse

    async def _refuse(self) -> None:
        if self.failed == self._tries:
            return await self._ping()
        self.failed += 1
        raise DatabaseUnavailableError("the database is away", "wait")


QUICKLY = Backoff(total_seconds=60, first_pause=0.001, max_pause=0.002)


async def test_a_database_that_comes_back_meanwhile_is_waited_for(desk: Desk) -> None:
    request_id = await desk.submit((0, 20))
    outage, desk.backoff = Outage(desk.world, 5), QUICKLY

    def open_video(_: Path) -> FrameSource:
        outage.begin()
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    await desk.process(request_id)
    assert outage.failed == 5
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_a_failure_is_noted_once_the_database_is_back(desk: Desk) -> None:
    request_id = await desk.submit((0, 20))
    outage, desk.backoff = Outage(desk.world, 5), QUICKLY

    def open_video(_: Path) -> FrameSource:
        outage.begin()
        raise UnreadableVideoError("the video is damaged")

    desk.open_video = open_video
    await desk.process(request_id)
    assert outage.failed == 5
    assert (await desk.request(request_id)).error == "the video is damaged"


async def test_a_worker_that_stops_without_a_database_puts_its_request_back_later(desk: Desk) -> None:
    request_id = await desk.submit((0, 20))
    outage, desk.backoff = Outage(desk.world, 5), QUICKLY
    opened, loop = asyncio.Event(), asyncio.get_running_loop()

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    task = asyncio.create_task(desk.process(request_id))
    await opened.wait()
    outage.begin()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outage.failed == 5
    assert await desk.can_be_begun(request_id)


async def test_a_result_whose_completion_was_noted_without_an_answer_stays(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.backoff = QUICKLY
    commit, lost = FakeUnitOfWork.commit, []

    class Forgetful(FakeUnitOfWork):
        async def commit(self) -> None:
            await commit(self)
            if desk.results() and not lost:
                lost.append(True)
                raise DatabaseUnavailableError("the answer was lost")

    desk.world.fake_database.unit_of_work = lambda: Forgetful(desk.world.fake_database)
    await desk.process(request_id)
    assert lost
    request = await desk.request(request_id)
    assert (request.status, [request.result_key]) == (Status.COMPLETED, list(desk.results()))


async def test_a_worker_that_is_stopped_again_and_again_still_waits_for_its_thread(desk: Desk) -> None:
    """Else another worker begins with the request while this one is at it."""
    request_id = await desk.submit((0, 20))
    opened, loop, go_on = asyncio.Event(), asyncio.get_running_loop(), threading.Event()

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        go_on.wait(10)
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    task = asyncio.create_task(desk.process(request_id))
    await opened.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
        assert not task.done()
        assert not await desk.can_be_begun(request_id)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await desk.can_be_begun(request_id)
    assert list(desk.world.scratch.iterdir()) == []


async def test_a_wait_for_the_object_store_ends_with_the_lease(desk: Desk) -> None:
    """Else a worker waits on for a server on behalf of somebody who is gone."""
    request_id = await desk.submit((0, 5))
    storing, given_up = asyncio.Event(), []

    async def never(*_: object) -> None:
        storing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    desk.world.store.put_file = never  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(desk.process(request_id))
    await storing.wait()
    await desk.world.anonymization.cancel(desk.anna, request_id)
    await task
    assert given_up == [True]
    assert not task.cancelling()
    assert (desk.results(), list(desk.world.scratch.iterdir())) == ({}, [])


async def test_a_thread_that_hangs_is_not_waited_for_and_ends_its_request(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_lease, "STUCK_AFTER", 0.05)
    request_id = await desk.submit((0, 5))
    desk.time_limit, go_on = 0.01, threading.Event()

    def open_video(_: Path) -> FrameSource:
        go_on.wait(60)
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    try:
        for _ in range(MAX_FAILURES):
            with pytest.raises(WorkerStuckError, match="hangs in slice 0"):
                await desk.process(request_id)
            desk.world.clock.advance(LEASE_DURATION)
    finally:
        go_on.set()
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("Processing timeout")
