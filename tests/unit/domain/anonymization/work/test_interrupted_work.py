"""Workers that are stopped or lose their database in the middle of a request."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from fakes.media import FakeSource
from fakes.persistence.database import FakeUnitOfWork
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.slices import LEASE_DURATION, MAX_FAILURES, SliceKind
from framecloak.domain.anonymization.work import lease_renewal
from framecloak.domain.anonymization.work.lease_renewal import WorkerStuckError
from framecloak.domain.errors import DatabaseUnavailableError, UnreadableVideoError, WorkersDisagreeError
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.support.resilience import Backoff
from support.use_cases import FakeService
from support.worker_harness import FakeZipArchive, WorkerHarness


@pytest.fixture
def harness(tmp_path: Path) -> WorkerHarness:
    return WorkerHarness(FakeService(tmp_path))


async def test_a_stopping_worker_releases_its_request(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 20))
    opened, loop = asyncio.Event(), asyncio.get_running_loop()
    complaints: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        return FakeSource("video.mp4", 100)

    harness.open_video = open_video
    task = asyncio.create_task(harness.process(request_id))
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await harness.has_ready_slice(request_id)
    del task
    gc.collect()
    assert complaints == []  # asyncio reports every exception that was never retrieved
    await harness.process(request_id)
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_nothing_is_begun_while_the_database_is_down(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.world.fake_database.reachable = False
    with pytest.raises(DatabaseUnavailableError):
        await harness.process(request_id)
    harness.world.fake_database.reachable = True
    assert (await harness.request(request_id)).status is Status.PENDING
    assert harness.archives == []


async def test_a_database_that_goes_down_stops_the_work(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 20))
    source = FakeSource("video.mp4", 100)

    def open_video(_: Path) -> FrameSource:
        harness.world.fake_database.reachable = False
        return source

    harness.open_video = open_video
    with pytest.raises(DatabaseUnavailableError):
        await harness.process(request_id)
    harness.world.fake_database.reachable = True
    assert harness.results() == {}
    assert await harness.finished_parts(request_id) == []
    assert list(harness.world.scratch.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]


class Outage:
    """Takes the database down on request, until a number of pings have failed."""

    def __init__(self, world: FakeService, tries: int) -> None:
        self._database, self._ping, self._tries = world.fake_database, world.fake_database.ping, tries
        self.failed = 0

    def begin(self) -> None:
        self._database.ping = self._refuse

    async def _refuse(self) -> None:
        if self.failed == self._tries:
            return await self._ping()
        self.failed += 1
        raise DatabaseUnavailableError("the database is away", "wait")


SHORT_PAUSES = Backoff(total_seconds=60, first_pause=0.001, max_pause=0.002)


async def test_a_worker_waits_for_a_database_that_comes_back(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 20))
    outage, harness.backoff = Outage(harness.world, 5), SHORT_PAUSES

    def open_video(_: Path) -> FrameSource:
        outage.begin()
        return FakeSource("video.mp4", 100)

    harness.open_video = open_video
    await harness.process(request_id)
    assert outage.failed == 5
    assert (await harness.request(request_id)).status is Status.COMPLETED


async def test_a_failure_is_recorded_once_the_database_is_back(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 20))
    outage, harness.backoff = Outage(harness.world, 5), SHORT_PAUSES

    def open_video(_: Path) -> FrameSource:
        outage.begin()
        raise UnreadableVideoError("the video is damaged")

    harness.open_video = open_video
    await harness.process(request_id)
    assert outage.failed == 5
    assert (await harness.request(request_id)).error == "the video is damaged"


async def test_a_worker_that_stops_without_a_database_releases_its_request_later(
    harness: WorkerHarness,
) -> None:
    request_id = await harness.submit((0, 20))
    outage, harness.backoff = Outage(harness.world, 5), SHORT_PAUSES
    opened, loop = asyncio.Event(), asyncio.get_running_loop()

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        return FakeSource("video.mp4", 100)

    harness.open_video = open_video
    task = asyncio.create_task(harness.process(request_id))
    await opened.wait()
    outage.begin()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outage.failed == 5
    assert await harness.has_ready_slice(request_id)


async def test_a_result_stays_when_the_answer_to_its_completion_is_lost(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 5))
    harness.backoff = SHORT_PAUSES
    commit, lost = FakeUnitOfWork.commit, []

    class LostAnswer(FakeUnitOfWork):
        async def commit(self) -> None:
            await commit(self)
            if harness.results() and not lost:
                lost.append(True)
                raise DatabaseUnavailableError("the answer was lost")

    harness.world.fake_database.unit_of_work = lambda: LostAnswer(harness.world.fake_database)
    await harness.process(request_id)
    assert lost
    request = await harness.request(request_id)
    assert (request.status, [request.result_key]) == (Status.COMPLETED, list(harness.results()))


async def test_a_worker_that_is_stopped_repeatedly_still_waits_for_its_thread(harness: WorkerHarness) -> None:
    """Otherwise another worker would begin the request while this one still processes it."""
    request_id = await harness.submit((0, 20))
    opened, loop, resume = asyncio.Event(), asyncio.get_running_loop(), threading.Event()

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        resume.wait(10)
        return FakeSource("video.mp4", 100)

    harness.open_video = open_video
    task = asyncio.create_task(harness.process(request_id))
    await opened.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.wait([task], timeout=0.01)
        assert not task.done()
        assert not await harness.has_ready_slice(request_id)
    resume.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await harness.has_ready_slice(request_id)
    assert list(harness.world.scratch.iterdir()) == []


async def test_a_wait_for_the_object_store_ends_with_the_lease(harness: WorkerHarness) -> None:
    """Otherwise a worker would keep waiting for a server on behalf of a cancelled request."""
    request_id = await harness.submit((0, 5))
    storing, given_up = asyncio.Event(), []

    async def never(*_: object) -> None:
        storing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    harness.world.store.put_file = never  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(harness.process(request_id))
    await storing.wait()
    await harness.world.anonymization.cancel(harness.anna, request_id)
    await task
    assert given_up == [True]
    assert not task.cancelling()
    assert (harness.results(), list(harness.world.scratch.iterdir())) == ({}, [])


async def test_a_hanging_thread_is_abandoned_and_fails_its_request(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_renewal, "STUCK_AFTER", 0.05)
    request_id = await harness.submit((0, 5))
    # On a busy machine, the video must have been fetched before the limit passes.
    harness.time_limit, resume = 0.5, threading.Event()

    def open_video(_: Path) -> FrameSource:
        resume.wait(60)
        return FakeSource("video.mp4", 100)

    harness.open_video = open_video
    try:
        for _ in range(MAX_FAILURES):
            with pytest.raises(WorkerStuckError, match="hangs in slice 0"):
                await harness.process(request_id)
            harness.world.clock.advance(LEASE_DURATION)
    finally:
        resume.set()
    request = await harness.request(request_id)
    assert request.status is Status.FAILED
    assert (request.error or "").startswith("Processing timeout")


async def test_a_worker_that_lost_its_lease_leaves_the_result_of_the_other(harness: WorkerHarness) -> None:
    request_id = await harness.submit((0, 20))
    await harness.world.dispatcher.run()
    other = harness.worker("other")
    while not await harness.finished_parts(request_id):
        lease = await other.lease(request_id)
        assert lease
        await other.process(lease)

    def refuse(_: Path) -> FakeZipArchive:
        raise WorkersDisagreeError("the parts have other models", "")

    create, harness.create_archive = harness.create_archive, refuse
    late = harness.worker("late")
    harness.create_archive = create
    lost = await late.lease(request_id)
    assert lost
    assert lost.kind is SliceKind.ASSEMBLY
    harness.world.clock.advance(LEASE_DURATION)
    await harness.process(request_id, other)
    (result,) = harness.results()
    await late.process(lost)
    assert (await harness.request(request_id)).status is Status.COMPLETED
    assert [*harness.results()] == [result]


async def test_a_missing_part_of_a_video_is_not_taken_for_the_uploaded_video(harness: WorkerHarness) -> None:
    harness.appearance = Appearance(OutputFormat.MP4)
    request_id = await harness.submit((0, 20))
    await harness.world.dispatcher.run()
    worker = harness.worker()
    while not await harness.finished_parts(request_id):
        lease = await worker.lease(request_id)
        assert lease
        await worker.process(lease)
    (part,) = harness.parts()
    harness.world.fake_store.objects.pop(part)
    await harness.process(request_id, worker)
    request = await harness.request(request_id)
    assert (request.status, request.error_code) == (Status.FAILED, "object_not_found")
