"""Failed deletions are reported and do not stop the clean-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from fakes.storage import FakeObjectStore
from framecloak.domain.anonymization.model.request import RequestSpec
from framecloak.domain.anonymization.requests.cleanup import UPLOAD_RETENTION, CleanupService
from framecloak.domain.anonymization.requests.cleanup_report import CleanupFailure, CleanupReport, CleanupStep
from framecloak.domain.errors import StorageUnavailableError
from framecloak.domain.model.accounts import Principal
from support.use_cases import PASSWORD, FakeService, chunks, no_stale_folders

RETENTION = timedelta(days=7)
MOMENT = timedelta(seconds=1)
NOTHING = CleanupReport()


@dataclass
class FailingStore(FakeObjectStore):
    """Goes down after a number of deletions."""

    removals_left: int = 0

    async def remove(self, key: str) -> None:
        await self.ping()
        self.removals_left -= 1
        await super().remove(key)

    async def ping(self) -> None:
        if not self.removals_left:
            raise StorageUnavailableError("the fake store went down")


@dataclass
class LockingStore(FakeObjectStore):
    """Refuses to delete locked objects and works otherwise."""

    locked: set[str] = field(default_factory=set)

    async def remove(self, key: str) -> None:
        if key in self.locked:
            raise StorageUnavailableError(f"cannot delete {key}: AccessDenied", "see who may")
        await super().remove(key)

    async def remove_prefix(self, prefix: str) -> int:
        if any(key.startswith(prefix) for key in self.locked):
            raise ZeroDivisionError("a bug")
        return await super().remove_prefix(prefix)


def cleaner(world: FakeService) -> CleanupService:
    return CleanupService(world.database, world.store, world.clock, RETENTION, no_stale_folders)


def failing_after(world: FakeService, removals: int) -> CleanupService:
    """Return a cleaner for the same objects in a store that goes down."""
    fake_store = world.store
    store = FailingStore(
        fake_store.clock, fake_store.objects, _modified=fake_store._modified, removals_left=removals
    )
    return CleanupService(world.database, store, world.clock, RETENTION, no_stale_folders)


async def completed(world: FakeService, anna: Principal, spec: RequestSpec) -> UUID:
    request_id = (await world.submissions.submit(anna, spec)).request.id
    await world.complete(request_id)
    return request_id


async def test_a_store_that_fails_half_way_leaves_the_rest_of_the_results_to_the_next_run(
    world: FakeService, anna: Principal, spec: RequestSpec
) -> None:
    for _ in range(3):
        await completed(world, anna, spec)
    world.clock.advance(RETENTION + MOMENT)
    report = await failing_after(world, 1).run()
    assert (report.results, report.failures()["results"]) == (1, 2)
    known = {row.result_key for row in world.fake_database.tables.requests.values() if row.result_key}
    assert {key for key in world.fake_store.objects if key.startswith("requests/")} == known
    assert len(known) == 2
    assert (await cleaner(world).run()).results == 2
    assert not [key for key in world.fake_store.objects if key.startswith("requests/")]


async def test_a_store_that_fails_half_way_leaves_the_rest_of_the_uploads_to_the_next_run(
    world: FakeService, anna: Principal
) -> None:
    for _ in range(3):
        started = await world.uploads.begin_upload(anna, "a.mp4")
        await world.store.put(started.upload.object_key, chunks(b"video"))
    world.clock.advance(UPLOAD_RETENTION + MOMENT)
    report = await failing_after(world, 1).run()
    # The remaining deletions are not attempted.
    assert report.failures()["uploads"] == 2
    assert len(world.fake_store.objects) == 2
    await cleaner(world).run()
    assert world.fake_store.objects == {}


async def test_a_store_that_is_down_does_not_keep_sessions_alive(world: FakeService, anna: Principal) -> None:
    await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    world.clock.advance(timedelta(days=1))
    world.fake_store.unavailable = True
    report = await cleaner(world).run()
    assert report.sessions == 1
    assert set(report.failures()) == {"uploads", "videos", "requests", "unfinished"}
    assert world.fake_database.tables.sessions == {}


async def test_without_the_database_nothing_is_removed(
    world: FakeService, anna: Principal, spec: RequestSpec
) -> None:
    await completed(world, anna, spec)
    before = dict(world.fake_store.objects)
    world.clock.advance(RETENTION + MOMENT)
    world.fake_database.reachable = False
    report = await cleaner(world).run()
    assert set(report.failures()) == {
        *("records", "galleries", "videos", "results", "download_rights", "requests")
    }
    assert report.removed() == NOTHING.removed()
    assert world.fake_store.objects == before


async def test_failed_deletions_do_not_stop_the_others(
    world: FakeService, anna: Principal, spec: RequestSpec, caplog: pytest.LogCaptureFixture
) -> None:
    await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    results = [await completed(world, anna, spec) for _ in range(3)]
    uploads = [(await world.uploads.begin_upload(anna, "a.mp4")).upload.object_key for _ in range(3)]
    for key in uploads:
        await world.store.put(key, chunks(b"video"))
    gone = [uuid4() for _ in range(3)]
    for request_id in gone:
        await world.store.put(f"requests/{request_id}/slices/00000-1.zip", chunks(b"part"))
    world.fake_store.partial.append(world.clock.now())
    world.clock.advance(RETENTION + MOMENT)
    # In any order, each has others before or after it.
    locked = {min(uploads), f"requests/{results[0]}/frames.zip"}
    locked |= {f"requests/{min(gone)}/slices/00000-1.zip"}
    fake_store = world.fake_store
    store = LockingStore(
        fake_store.clock, fake_store.objects, partial=fake_store.partial, _modified=fake_store._modified
    )
    store.locked = locked

    async def sweep() -> int:
        raise StorageUnavailableError("cannot remove a folder")

    report = await CleanupService(world.database, store, world.clock, RETENTION, sweep).run()
    assert {key for key in fake_store.objects if not key.startswith("videos/")} == locked
    assert report == CleanupReport(
        tokens=0,
        sessions=1,
        results=2,
        uploads=3,
        leftovers=2,
        unfinished=1,
        step_failures=report.step_failures,
    )
    assert report.failures() == {"folders": 1, "uploads": 1, "results": 1, "requests": 1}
    first = {failure.step: failure.first_error for failure in report.step_failures}
    assert "AccessDenied" in first[CleanupStep.UPLOADS]
    assert first[CleanupStep.REQUESTS] == "ZeroDivisionError: a bug"
    # Only the unexpected error is logged, with its stack trace; the report covers the others.
    (record_,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record_.message, bool(record_.exc_info)) == ("the clean-up of requests failed unexpectedly", True)
    store.locked = set()
    assert (
        await CleanupService(world.database, store, world.clock, RETENTION, no_stale_folders).run()
    ).step_failures == ()
    assert {key for key in fake_store.objects if not key.startswith("videos/")} == set()


async def test_the_report_names_the_first_of_many_failures(world: FakeService, anna: Principal) -> None:
    keys = {f"uploads/{number:04d}" for number in range(50)}
    for key in keys:
        await world.store.put(key, chunks(b"video"))
    world.clock.advance(UPLOAD_RETENTION + MOMENT)
    store = LockingStore(world.clock, world.fake_store.objects, _modified=world.fake_store._modified)
    store.locked = keys
    report = await CleanupService(world.database, store, world.clock, RETENTION, no_stale_folders).run()
    assert report.step_failures == (
        CleanupFailure(CleanupStep.UPLOADS, 50, "cannot delete uploads/0000: AccessDenied: see who may"),
    )
