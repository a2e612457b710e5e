"""What a worker does with a request, from claiming it to its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from pathlib import Path
from uuid import UUID

import pytest

from domain.accounts import Principal
from domain.anonymization.lifecycle import AnonymizationRequest, Order, Status
from domain.anonymization.processing import Instruments
from domain.anonymization.work import RequestProcessor, Workshop
from domain.errors import UnreadableVideoError
from domain.ports import FrameSource
from domain.videos import Region
from fakes import FakeArchive, FakeEncoder, FakeFrame, FakeRedactor, FakeSource
from fakes_vision import FakeFaceDetector
from world import World


class FiledArchive(FakeArchive):
    """Leaves a file behind, for the store to take."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def commit(self) -> None:
        super().commit()
        self.path.write_bytes(b"\n".join(name.encode() for name in self.entries))


class Desk:
    """A worker with one request waiting for it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open_video: Callable[[Path], FrameSource] = lambda _: FakeSource("film.mp4", 100)
        self.on_progress: Callable[[int, int], None] | None = None
        self.archives: list[FiledArchive] = []

    async def submit(self, *segments: tuple[int, int]) -> UUID:
        self.anna: Principal = await self.world.person("anna")
        self.order: Order = await self.world.order(self.anna, *segments)
        return (await self.world.anonymization.submit(self.anna, self.order)).request.id

    async def process(self, request_id: UUID) -> None:
        workshop = Workshop(
            tool="framecloak test",
            scratch=self.world.scratch,
            open_video=self.open_video,
            create_archive=self.create_archive,
            instruments=lambda _: Instruments(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), 2),
        )
        world = self.world
        processor = RequestProcessor(world.database, world.store, world.clock, workshop)
        await processor.process(request_id, self.on_progress)

    def create_archive(self, path: Path) -> FiledArchive:
        self.archives.append(FiledArchive(path))
        return self.archives[-1]

    async def request(self, request_id: UUID) -> AnonymizationRequest:
        return (await self.world.anonymization.status(self.anna, request_id)).request

    def results(self) -> dict[str, bytes]:
        return {key: data for key, data in self.world.store.objects.items() if key.startswith("requests/")}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(World(tmp_path))


async def test_a_pending_request_becomes_a_zip_named_by_segments(desk: Desk) -> None:
    request_id = await desk.submit((10, 14), (12, 16), (90, 91))
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.processed_frames, request.error) == (Status.COMPLETED, 7, None)
    (entries,) = desk.results().values()
    first, second, third = desk.order.segment_ids
    assert entries.decode().splitlines() == [
        *(f"frames/segment_{first}/frame_{index:07d}.jpg" for index in range(10, 14)),
        *(f"frames/segment_{second}/frame_{index:07d}.jpg" for index in range(14, 16)),
        f"frames/segment_{third}/frame_0000090.jpg",
        "manifest.json",
    ]
    assert request.result_key in desk.results()
    assert list(desk.world.scratch.iterdir()) == []


async def test_a_request_is_worked_on_once(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await asyncio.gather(desk.process(request_id), desk.process(request_id))
    assert len(desk.results()) == 1
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_what_was_cancelled_before_is_left_alone(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    await desk.world.anonymization.cancel(desk.anna, request_id)
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.CANCELLED
    assert desk.results() == {}


async def test_what_is_cancelled_meanwhile_stops_and_leaves_nothing(desk: Desk) -> None:
    request_id = await desk.submit((0, 50))
    source = SlowSource(desk.world, desk, request_id)
    desk.open_video = lambda _: source
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.CANCELLED
    assert desk.results() == {}
    assert source.delivered < 100
    assert list(desk.world.scratch.iterdir()) == []


class SlowSource(FakeSource):
    """Has the request cancelled once the first frame was asked for, and then takes its time."""

    def __init__(self, world: World, desk: Desk, request_id: UUID) -> None:
        super().__init__("film.mp4", 100)
        self.delivered = 0
        self._loop = asyncio.get_running_loop()
        self._cancel = lambda: world.anonymization.cancel(desk.anna, request_id)

    def frames(self, start: int, stop: int) -> Generator[FakeFrame, None, None]:
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(5)
        for frame in super().frames(start, stop):
            self.delivered += 1
            time.sleep(0.02)  # all frames together take longer than the worker's heartbeat
            yield frame


async def test_a_request_that_cannot_be_done_fails_in_words(desk: Desk) -> None:
    def refuse(_: Path) -> FrameSource:
        raise UnreadableVideoError("the video is damaged", "upload it again")

    request_id = await desk.submit((0, 5))
    desk.open_video = refuse
    await desk.process(request_id)
    request = await desk.request(request_id)
    assert (request.status, request.error) == (Status.FAILED, "the video is damaged: upload it again")
    assert desk.results() == {}


async def test_an_unforeseen_failure_is_reported_to_the_operator_and_not_to_the_user(desk: Desk) -> None:
    def crash(_: Path) -> FrameSource:
        raise ZeroDivisionError("/secret/path")

    request_id = await desk.submit((0, 5))
    desk.open_video = crash
    with pytest.raises(ZeroDivisionError):
        await desk.process(request_id)
    request = await desk.request(request_id)
    assert request.status is Status.FAILED
    assert "secret" not in (request.error or "")


async def test_a_store_that_is_down_fails_the_request(desk: Desk) -> None:
    request_id = await desk.submit((0, 5))
    desk.world.store.unavailable = True
    await desk.process(request_id)
    desk.world.store.unavailable = False
    assert (await desk.request(request_id)).status is Status.FAILED


async def test_a_worker_that_stops_puts_its_request_back(desk: Desk) -> None:
    request_id = await desk.submit((0, 50))
    opened, loop = asyncio.Event(), asyncio.get_running_loop()

    def open_video(_: Path) -> FrameSource:
        loop.call_soon_threadsafe(opened.set)
        return FakeSource("film.mp4", 100)

    desk.open_video = open_video
    task = asyncio.create_task(desk.process(request_id))
    await opened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await desk.request(request_id)).status is Status.PENDING
    await desk.process(request_id)
    assert (await desk.request(request_id)).status is Status.COMPLETED


async def test_marked_regions_are_redacted(desk: Desk) -> None:
    request_id = await desk.submit((0, 2))
    await desk.world.marking.add_region(desk.anna, desk.order.video_id, Region(1, 2, 3, 4), None)
    await desk.process(request_id)
    (archive,) = desk.archives
    assert b'"xyxy":[1,2,4,6],"kind":"region"' in archive.entries["manifest.json"]


async def test_progress_is_told(desk: Desk) -> None:
    told: list[tuple[int, int]] = []
    request_id = await desk.submit((0, 50))
    desk.on_progress = lambda done, total: told.append((done, total))
    await desk.process(request_id)
    assert told[-1] == (50, 50)
