"""The slice loop: a slice is finished off while the next one is processed, and neither loses anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from fakes.media import FakeSource
from fakes.queue import FakeProgressBoard
from fakes.storage import FakeObjectStore
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.errors import StorageFullError
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.object_store import StoredObject
from framecloak.entrypoints.worker import slice_loop
from framecloak.entrypoints.worker.slice_loop import SliceLoop
from support.use_cases import FakeService
from support.worker_harness import WorkerHarness as Prepared


@dataclass
class GatedBoard(FakeProgressBoard):
    """Delays a worker's last message about a slice.

    Attributes:
        gate: closed until a test opens it.
    """

    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def announce(self, request_id: UUID) -> None:
        await super().announce(request_id)
        await self.gate.wait()


@dataclass
class ShortStore(FakeObjectStore):
    """Refuses some files for lack of space.

    Attributes:
        refused: number of files to refuse first.
    """

    refused: int = 0

    async def put_file(self, key: str, path: Path) -> StoredObject:
        if self.refused:
            self.refused -= 1
            raise StorageFullError("the store is full")
        return await super().put_file(key, path)


@dataclass
class Worker:
    """A slice loop with its harness and fakes, and the videos that it opened."""

    loop: SliceLoop
    prepared: Prepared
    store: ShortStore
    board: GatedBoard
    opened: list[Path]

    async def status(self, request_id: UUID) -> Status:
        return (await self.prepared.request(request_id)).status

    async def parts(self, request_id: UUID) -> int:
        return len(await self.prepared.finished_parts(request_id))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_loop, "ERROR_DELAY_SECONDS", 0.0)


@asynccontextmanager
async def running_worker(scratch: Path) -> AsyncIterator[Worker]:
    store, board = ShortStore(), GatedBoard()
    world = FakeService(scratch, clock=store.clock, real_store=store, board=board)
    prepared = Prepared(world)
    opened: list[Path] = []

    def open_video(path: Path) -> FrameSource:
        opened.append(path)
        return FakeSource("film.mp4", 100)

    prepared.open_video = open_video
    loop = SliceLoop(prepared.worker(), world.dispatcher, lambda: True, pytest.fail)
    try:
        yield Worker(loop, prepared, store, board, opened)
    finally:
        board.gate.set()
        await loop.close(timedelta())


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


async def test_one_more_slice_is_begun_while_a_finished_one_is_wrapped_up(
    tmp_path: Path,
) -> None:
    async with running_worker(tmp_path) as worker:
        worker.board.gate.set()
        request_id = await worker.prepared.submit((0, 80))
        worker.board.gate.clear()
        await worker.loop.start()
        await until(lambda: len(worker.opened) == 2)
        await asyncio.sleep(0.2)
        assert (len(worker.opened), await worker.parts(request_id)) == (2, 2)
        worker.board.gate.set()
        # Assembly starts without another wake-up.
        await until(worker.loop.is_idle)
        assert await worker.status(request_id) is Status.COMPLETED
        assert len(worker.opened) == 4
        assert entries(tmp_path) == []


async def test_no_more_than_one_slice_is_held(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        stored, resume = asyncio.Event(), asyncio.Event()
        put_file = worker.store.put_file

        async def slow_put_file(key: str, path: Path) -> StoredObject:
            stored.set()
            await resume.wait()
            return await put_file(key, path)

        worker.board.gate.set()
        request_id = await worker.prepared.submit((0, 40))
        worker.store.put_file = slow_put_file  # type: ignore[method-assign]
        await worker.loop.start()
        await stored.wait()
        await asyncio.sleep(0.1)
        assert len(worker.opened) == 1
        assert await worker.prepared.has_ready_slice(request_id)
        await worker.loop.close(timedelta())
        async with worker.prepared.world.database.unit_of_work() as work:
            assert len(await work.slices.ready_numbers(request_id)) == 2
        assert entries(tmp_path) == []


async def test_a_part_that_cannot_be_stored_is_made_again_and_the_other_one_is_kept(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        worker.board.gate.set()
        worker.store.refused = 1
        request_id = await worker.prepared.submit((0, 40))
        await worker.loop.start()
        await until(worker.loop.is_idle)
        assert await worker.parts(request_id) == 1
        assert await worker.status(request_id) is Status.PROCESSING
        worker.store.clock.advance(timedelta(seconds=10))
        await worker.loop.start()
        await until(worker.loop.is_idle)
        assert await worker.status(request_id) is Status.COMPLETED
        assert len(worker.opened) == 3


async def test_a_closing_loop_begins_nothing_new_and_finishes_its_slices(tmp_path: Path) -> None:
    async with running_worker(tmp_path) as worker:
        worker.board.gate.set()
        request_id = await worker.prepared.submit((0, 80))
        worker.board.gate.clear()
        await worker.loop.start()
        await until(lambda: len(worker.opened) == 2)
        closing = asyncio.create_task(worker.loop.close(timedelta(seconds=20)))
        await asyncio.sleep(0.05)
        worker.board.gate.set()
        await closing
        assert await worker.parts(request_id) == len(worker.opened) == 2
        assert not worker.loop.is_idle()
