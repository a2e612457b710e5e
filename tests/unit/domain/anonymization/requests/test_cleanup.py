"""Clean-up of expired results, tokens, sessions, uploads and parts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from framecloak.domain.anonymization.model.request import RequestSpec, Status, StoredResult
from framecloak.domain.anonymization.requests import cleanup
from framecloak.domain.anonymization.requests.cleanup import (
    PARTIAL_OBJECT_RETENTION,
    UPLOAD_RETENTION,
    CleanupService,
)
from framecloak.domain.anonymization.requests.cleanup_report import CleanupReport
from framecloak.domain.errors import (
    NotReadyError,
    StorageUnavailableError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    UploadNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.videos.uploads import UPLOAD_TTL
from support.use_cases import PASSWORD, FakeService, chunks, no_stale_folders

RETENTION = timedelta(days=7)
MOMENT = timedelta(seconds=1)
NOTHING = CleanupReport()


def cleaner(world: FakeService) -> CleanupService:
    return CleanupService(world.database, world.store, world.clock, RETENTION, no_stale_folders)


async def completed(world: FakeService, anna: Principal, spec: RequestSpec) -> UUID:
    request_id = (await world.submissions.submit(anna, spec)).request.id
    key = f"requests/{request_id}/frames.zip"
    await world.store.put(key, chunks(b"zip"))
    async with world.database.unit_of_work() as work:
        await work.requests.finish(
            request_id, Status.COMPLETED, world.clock.now(), result=StoredResult(key, 3)
        )
        await work.commit()
    return request_id


async def test_a_new_installation_has_nothing_to_clean_up(world: FakeService) -> None:
    assert await cleaner(world).run() == NOTHING


async def test_results_are_deleted_after_their_retention(
    world: FakeService, anna: Principal, spec: RequestSpec
) -> None:
    old = await completed(world, anna, spec)
    world.clock.advance(MOMENT)
    young = await completed(world, anna, spec)
    unfinished = (await world.submissions.submit(anna, spec)).request.id
    world.clock.advance(RETENTION)
    assert (await cleaner(world).run()).results == 1
    assert [key for key in world.fake_store.objects if key.startswith("requests/")] == [
        f"requests/{young}/frames.zip"
    ]
    with pytest.raises(NotReadyError):
        await world.anonymization.issue_download_token(anna, old)
    assert await world.anonymization.issue_download_token(anna, young)
    assert (await world.anonymization.status(anna, old)).request.status is Status.COMPLETED
    assert (await world.anonymization.status(anna, unfinished)).request.status is Status.PENDING
    assert (await cleaner(world).run()).results == 0


async def test_tokens_are_deleted_with_their_result(
    world: FakeService, anna: Principal, spec: RequestSpec
) -> None:
    request_id = await completed(world, anna, spec)
    used, expired = [await world.anonymization.issue_download_token(anna, request_id) for _ in range(2)]
    await world.anonymization.redeem_download_token(request_id, used.token)
    world.clock.time = expired.expires_at
    assert (await cleaner(world).run()).tokens == 0
    with pytest.raises(TokenUsedError):
        await world.anonymization.redeem_download_token(request_id, used.token)
    with pytest.raises(TokenExpiredError):
        await world.anonymization.redeem_download_token(request_id, expired.token)
    world.clock.advance(RETENTION)
    report = await cleaner(world).run()
    assert (report.results, report.tokens) == (1, 2)
    with pytest.raises(TokenNotFoundError):
        await world.anonymization.redeem_download_token(request_id, used.token)


async def test_leftovers_of_a_failed_cancellation_are_deleted(
    world: FakeService, anna: Principal, spec: RequestSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "QUERY_BATCH", 2)
    completed_id = await completed(world, anna, spec)
    cancelled, failed, waiting, busy = [
        (await world.submissions.submit(anna, spec)).request.id for _ in range(4)
    ]
    gone = uuid4()
    for request_id in (cancelled, failed, waiting, busy, gone):
        await world.store.put(f"requests/{request_id}/part/1", chunks(b"part"))
        await world.store.put(f"requests/{request_id}/part/2", chunks(b"part"))
    for foreign in ("requests/notes.txt", f"requests/{gone}", f"requests/{gone.hex}/x"):
        await world.store.put(foreign, chunks(b"not ours"))
    async with world.database.unit_of_work() as work:
        await work.requests.finish(failed, Status.FAILED, world.clock.now())
        await work.requests.claim(busy, world.clock.now())
        await work.commit()
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.anonymization.cancel(anna, cancelled)
    world.fake_store.unavailable = False
    assert (await cleaner(world).run()).leftovers == 3
    assert {key for key in world.fake_store.objects if key.startswith("requests/")} == {
        f"requests/{completed_id}/frames.zip",
        *(f"requests/{id_}/part/{part}" for id_ in (waiting, busy) for part in (1, 2)),
        "requests/notes.txt",
        f"requests/{gone}",
        f"requests/{gone.hex}/x",
    }
    assert (await cleaner(world).run()).leftovers == 0


async def test_expired_sessions_are_deleted(world: FakeService, anna: Principal) -> None:
    old = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    world.clock.advance(MOMENT)
    young = await world.identity.sign_in("anna", PASSWORD, "10.0.0.1")
    world.clock.time = old.expires_at
    assert (await cleaner(world).run()).sessions == 1
    assert (await world.identity.authenticate_session(young.secret)).user_id == anna.user_id


async def test_expired_used_refresh_tokens_are_deleted(world: FakeService, anna: Principal) -> None:
    pair = await world.identity.issue_tokens(anna.username, PASSWORD, "10.0.0.1")
    await world.identity.refresh_tokens(pair.refresh)
    used = world.tokens.verify_refresh(pair.refresh)
    world.clock.time = used.expires_at - MOMENT
    await cleaner(world).run()
    assert len(world.fake_database.tables.used_refresh_tokens) == 1
    world.clock.time = used.expires_at
    await cleaner(world).run()
    assert world.fake_database.tables.used_refresh_tokens == {}


async def test_incomplete_uploads_are_deleted_with_their_bytes(world: FakeService, anna: Principal) -> None:
    started = await world.uploads.begin_upload(anna, "a.mp4")
    await world.store.put(started.upload.object_key, chunks(b"video"))
    world.clock.advance(UPLOAD_RETENTION + MOMENT)
    waiting = await world.uploads.begin_upload(anna, "b.mp4")
    await world.store.put(waiting.upload.object_key, chunks(b"video"))
    assert await cleaner(world).run() == CleanupReport(tokens=0, sessions=0, results=0, uploads=1)
    assert list(world.fake_store.objects) == [waiting.upload.object_key]
    with pytest.raises(UploadNotFoundError):
        await world.uploads.complete_upload(anna, started.upload.id)
    assert await world.uploads.complete_upload(anna, waiting.upload.id)


async def test_bytes_that_arrive_after_completion_of_their_upload_are_deleted(
    world: FakeService, anna: Principal
) -> None:
    started = await world.uploads.begin_upload(anna, "a.mp4")
    await world.store.put(started.upload.object_key, chunks(b"video"))
    video = await world.uploads.complete_upload(anna, started.upload.id)
    world.clock.advance(UPLOAD_TTL - MOMENT)
    await world.store.put(started.upload.object_key, chunks(b"the address still works"))
    world.clock.advance(UPLOAD_RETENTION + MOMENT)
    assert (await cleaner(world).run()).uploads == 0
    assert list(world.fake_store.objects) == [video.object_key]


async def test_bytes_of_a_recent_upload_stay(world: FakeService, anna: Principal) -> None:
    started = await world.uploads.begin_upload(anna, "a.mp4")
    await world.store.put(started.upload.object_key, chunks(b"video"))
    world.clock.advance(UPLOAD_TTL)
    assert (await cleaner(world).run()).uploads == 0
    assert list(world.fake_store.objects) == [started.upload.object_key]
    world.clock.advance(UPLOAD_TTL)
    assert (await cleaner(world).run()).uploads == 1


async def test_parts_are_deleted_once_their_request_has_ended(tmp_path: Path) -> None:
    world = FakeService(tmp_path)
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    completed_id, busy = [(await world.submissions.submit(anna, spec)).request.id for _ in range(2)]
    for request_id in (completed_id, busy):
        await world.store.put(f"requests/{request_id}/slices/00000-1.zip", chunks(b"part"))
    await world.complete(completed_id)
    report = await cleaner(world).run()
    assert (report.parts, report.leftovers) == (1, 0)
    assert sorted(key for key in world.fake_store.objects if key.startswith("requests/")) == sorted(
        [f"requests/{completed_id}/frames.zip", f"requests/{busy}/slices/00000-1.zip"]
    )
    assert (await cleaner(world).run()).parts == 0


async def test_parts_stay_when_the_setting_keeps_them(tmp_path: Path) -> None:
    world = FakeService(tmp_path)
    anna = await world.person("anna")
    completed_id = (await world.submissions.submit(anna, await world.request_spec(anna, (0, 10)))).request.id
    await world.store.put(f"requests/{completed_id}/slices/00000-1.zip", chunks(b"part"))
    await world.complete(completed_id)
    keeping = CleanupService(
        world.database, world.store, world.clock, RETENTION, no_stale_folders, keep_parts=True
    )
    assert (await keeping.run()).parts == 0
    assert f"requests/{completed_id}/slices/00000-1.zip" in world.fake_store.objects


async def test_leftovers_of_killed_processes_are_removed_and_counted(tmp_path: Path) -> None:
    world = FakeService(tmp_path)

    async def sweep() -> int:
        return 3

    now = world.clock.now()
    world.fake_store.partial += [
        now - PARTIAL_OBJECT_RETENTION - timedelta(seconds=1),
        now - timedelta(hours=3),
    ]
    report = await CleanupService(world.database, world.store, world.clock, RETENTION, sweep).run()
    assert (report.folders, report.unfinished) == (3, 1)
    assert len(world.fake_store.partial) == 1
