"""A result names the time at which its last frame was finished."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from framecloak.domain.anonymization.model.slices import Lease
from framecloak.domain.anonymization.work.parts import PART_FILE
from support.use_cases import FakeService
from support.worker_harness import FakeZipArchive, WorkerHarness


class OlderPart(FakeZipArchive):
    """A part as versions wrote it that recorded no time."""

    def add(self, name: str, data: bytes) -> None:
        if name == PART_FILE:
            content = json.loads(data)
            del content["finished_at"]
            data = json.dumps(content).encode()
        super().add(name, data)


def recorded(harness: WorkerHarness) -> datetime | None:
    """Return the time in the manifest of the only result."""
    ((_, data),) = harness.results().items()
    with ZipFile(BytesIO(data)) as archive:
        order = json.loads(archive.read("manifest.json"))["order"]
    return datetime.fromisoformat(order["completed_at"]) if order["completed_at"] else None


async def test_the_time_is_that_of_the_last_frame_and_not_of_the_assembly(tmp_path: Path) -> None:
    harness = WorkerHarness(FakeService(tmp_path))
    request_id = await harness.submit((0, 60))
    worker, clock = harness.worker(), harness.world.clock
    await harness.world.dispatcher.run()
    leases: list[Lease] = []
    for _ in range(3):
        clock.advance(timedelta(seconds=5))
        lease = await worker.lease(request_id)
        assert lease
        leases.append(lease)
        finished_at = clock.now()
        await worker.process(lease)
    assert len({lease.number for lease in leases}) == 3
    clock.advance(timedelta(hours=1))
    await harness.process(request_id, worker)
    assert recorded(harness) == finished_at


async def test_parts_of_versions_that_recorded_no_time_leave_it_out(tmp_path: Path) -> None:
    harness = WorkerHarness(FakeService(tmp_path))
    request_id = await harness.submit((0, 40))

    def create_archive(path: Path) -> FakeZipArchive:
        archive = FakeZipArchive(path) if harness.archives else OlderPart(path)
        harness.archives.append(archive)
        return archive

    harness.create_archive = create_archive  # type: ignore[method-assign]
    await harness.process(request_id)
    assert recorded(harness) is None
