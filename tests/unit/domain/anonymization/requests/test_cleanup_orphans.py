"""Clean-up of stored bytes that were never recorded as a video."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from framecloak.domain.anonymization.requests import cleanup
from framecloak.domain.anonymization.requests.cleanup import MIN_ORPHAN_AGE, CleanupService
from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport
from framecloak.domain.errors import DomainError, StorageUnavailableError
from framecloak.domain.model.accounts import Principal
from support.use_cases import FakeService, chunks, no_stale_folders

RETENTION = timedelta(days=7)
MOMENT = timedelta(seconds=1)
NOTHING = CleanupReport()


def cleaner(world: FakeService) -> CleanupService:
    return CleanupService(world.database, world.store, world.clock, RETENTION, no_stale_folders)


async def test_bytes_of_an_unrecorded_video_are_deleted_after_a_day(
    world: FakeService, anna: Principal, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = await world.video(anna)
    world.clock.advance(MOMENT)
    # As after a SIGKILL between the storing of the bytes and the commit of the row.
    orphans = [f"videos/{uuid4().hex}" for _ in range(2)]
    for key in (*orphans, "videos/notes.txt", f"videos/{uuid4().hex}/thumbnail"):
        await world.store.put(key, chunks(b"an unredacted video"))
    world.clock.advance(MIN_ORPHAN_AGE)
    assert (await cleaner(world).run()).orphans == 0
    late = await world.video(anna)
    fresh = f"videos/{uuid4().hex}"
    await world.store.put(fresh, chunks(b"an upload in progress"))
    world.clock.advance(MOMENT)
    before = set(world.fake_store.objects)
    report = await cleaner(world).run()
    assert (report.orphans, report.counts()["orphans"], report.step_failures) == (2, 2, ())
    assert before - set(world.fake_store.objects) == set(orphans)
    assert {recorded.object_key, late.object_key, fresh} <= set(world.fake_store.objects)
    for key in orphans:
        assert f"removed {key}, which was stored and never recorded as a video" in caplog.messages
    assert (await cleaner(world).run()).orphans == 0


async def test_a_failed_upload_that_could_not_be_removed_is_deleted_after_a_day(
    world: FakeService, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        async def down(_: str) -> None:
            raise StorageUnavailableError("the fake store went down")

        patched.setattr(world.fake_store, "remove", down)
        world.fake_database.reachable = False
        with pytest.raises(DomainError):
            await world.video(anna)
    world.fake_database.reachable = True
    assert len(world.fake_store.objects) == 1
    world.clock.advance(MIN_ORPHAN_AGE + MOMENT)
    assert (await cleaner(world).run()).orphans == 1
    assert world.fake_store.objects == {}


async def test_a_new_database_does_not_empty_the_store_of_an_older_one(world: FakeService) -> None:
    key = f"videos/{uuid4().hex}"
    await world.store.put(key, chunks(b"a video"))
    world.clock.advance(10 * MIN_ORPHAN_AGE)
    assert await cleaner(world).run() == NOTHING
    await world.person("anna")
    world.clock.advance(10 * MIN_ORPHAN_AGE)
    assert await cleaner(world).run() == NOTHING
    assert key in world.fake_store.objects


async def test_videos_are_queried_in_batches(
    world: FakeService, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "QUERY_BATCH", 2)
    world.clock.advance(MOMENT)
    kept = {(await world.video(anna)).object_key for _ in range(3)}
    for _ in range(4):
        await world.store.put(f"videos/{uuid4().hex}", chunks(b"video"))
    world.clock.advance(MIN_ORPHAN_AGE + MOMENT)
    assert (await cleaner(world).run()).orphans == 4
    assert set(world.fake_store.objects) == kept
