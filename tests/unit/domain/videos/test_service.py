"""Uploads of videos, their frames and their deletion."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.storage import FakeObjectStore
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.domain.errors import (
    DomainError,
    FrameNotFoundError,
    StorageFullError,
    StorageUnavailableError,
    TruncatedVideoError,
    UnreadableVideoError,
    UploadNotFoundError,
    UploadTooLargeError,
    VideoInUseError,
    VideoNotFoundError,
)
from framecloak.domain.ports.object_store import StoredObject
from support.use_cases import FakeService, chunks


async def test_an_upload_is_hashed_probed_and_recorded(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.uploads.upload(anna, "video.mp4", chunks(b"fi", b"lm"))
    assert world.fake_store.objects == {video.object_key: b"film"}
    assert video.facts.sha256 == hashlib.sha256(b"film").hexdigest()
    assert (video.facts.size_bytes, video.facts.frame_count) == (4, 100)
    assert (await world.collection.list(anna, 10, 0)).items == [video]


async def test_an_upload_that_is_no_video_is_not_kept(world: FakeService) -> None:
    anna = await world.person("anna")
    with pytest.raises(UnreadableVideoError):
        await world.uploads.upload(anna, "a.mp4", chunks(b"not a video"))
    assert world.fake_store.objects == {}
    assert (await world.collection.list(anna, 10, 0)).total == 0


async def test_an_upload_that_is_too_large_is_not_kept(world: FakeService) -> None:
    anna = await world.person("anna")
    with pytest.raises(UploadTooLargeError):
        await world.uploads.upload(anna, "a.mp4", chunks(b"x" * 600, b"x" * 401))
    assert world.fake_store.objects == {}


async def test_an_aborted_upload_is_not_kept(world: FakeService) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"fi"
        raise ConnectionResetError

    anna = await world.person("anna")
    with pytest.raises(ConnectionResetError):
        await world.uploads.upload(anna, "a.mp4", broken())
    assert world.fake_store.objects == {}


async def test_errors_from_opening_an_upload_are_raised_and_nothing_is_kept(world: FakeService) -> None:
    anna = await world.person("anna")
    world.prober.error = TruncatedVideoError("the video is cut off")
    with pytest.raises(TruncatedVideoError):
        await world.video(anna)
    assert world.fake_store.objects == {}
    assert list(world.scratch.iterdir()) == []


async def test_an_upload_of_the_maximum_size_is_accepted(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.uploads.upload(anna, "a.mp4", chunks(b"x" * 600, b"x" * 400))
    assert video.facts.size_bytes == world.uploads.max_upload_bytes == 1000


async def test_a_full_store_and_an_unavailable_one_are_different_errors(world: FakeService) -> None:
    anna = await world.person("anna")
    world.fake_store.room = 3
    with pytest.raises(StorageFullError):
        await world.video(anna)
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.video(anna)
    with pytest.raises(StorageUnavailableError):
        await world.uploads.begin_upload(anna, "a.mp4")
    assert world.fake_database.tables.videos == world.fake_database.tables.uploads == {}


async def test_an_upload_is_recorded(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    row = list(world.fake_database.tables.audit.values())[-1]
    assert (row.user_id, row.action, row.subject) == (anna.user_id, "video.upload", f"video:{video.id}")
    assert world.fake_database.tables.frame_indexes == {video.id: b"index"}


async def test_a_failing_database_leaves_no_bytes_behind(world: FakeService) -> None:
    anna = await world.person("anna")
    world.fake_database.reachable = False
    with pytest.raises(DomainError):
        await world.video(anna)
    assert world.fake_store.objects == {}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("video.mp4", "video.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Jane\\video.mp4", "video.mp4"),
        ("vid\r\neo\x00\u202e.mp4", "video.mp4"),
        ("", "video"),
        ("..", "video"),
        ("x" * 10_000, "x" * 255),
    ],
)
async def test_file_names_are_sanitised(world: FakeService, sent: str, kept: str) -> None:
    anna = await world.person("anna")
    video = await world.uploads.upload(anna, sent, chunks(b"film"))
    assert video.filename == kept
    assert set(video.object_key) <= set("videos/0123456789abcdef")


async def test_a_direct_upload_becomes_a_video_once(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    video = await world.uploads.complete_upload(anna, started.upload.id)
    assert world.fake_store.objects == {video.object_key: b"film"}
    with pytest.raises(UploadNotFoundError):
        await world.uploads.complete_upload(anna, started.upload.id)


async def test_missing_foreign_and_expired_direct_uploads_are_refused(world: FakeService) -> None:
    anna, ben = await world.person("anna"), await world.person("ben")
    missing = await world.uploads.begin_upload(anna, "a.mp4")
    with pytest.raises(UploadNotFoundError, match="nothing was uploaded"):
        await world.uploads.complete_upload(anna, missing.upload.id)
    started = await world.uploads.begin_upload(anna, "a.mp4")
    with pytest.raises(UploadNotFoundError):
        await world.uploads.complete_upload(ben, started.upload.id)
    world.clock.advance(timedelta(hours=2))
    with pytest.raises(UploadNotFoundError):
        await world.uploads.complete_upload(anna, started.upload.id)


async def test_an_upload_can_be_completed_after_an_early_attempt(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    with pytest.raises(UploadNotFoundError, match="PUT the file to the address first"):
        await world.uploads.complete_upload(anna, started.upload.id)
    await world.store.put(started.upload.object_key, chunks(b"film"))
    video = await world.uploads.complete_upload(anna, started.upload.id)
    assert (video.filename, video.facts.sha256) == ("video.mp4", hashlib.sha256(b"film").hexdigest())


async def test_an_upload_address_is_unique_and_expires_with_the_upload(world: FakeService) -> None:
    anna = await world.person("anna")
    first, second = [await world.uploads.begin_upload(anna, "../a.mp4") for _ in range(2)]
    assert first.upload.object_key in first.url
    assert first.upload.object_key != second.upload.object_key
    assert first.url.endswith(f"expires={first.upload.expires_at.timestamp():.0f}")
    assert first.upload.filename == "a.mp4"


async def test_one_of_many_concurrent_completions_creates_the_video(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    tries = [world.uploads.complete_upload(anna, started.upload.id) for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, UploadNotFoundError) for result in results) == 9
    assert len(world.fake_database.tables.videos) == len(world.fake_store.objects) == 1


@pytest.mark.parametrize(
    ("content", "refusal"), [(b"not a video", UnreadableVideoError), (b"x" * 1001, UploadTooLargeError)]
)
async def test_a_direct_upload_that_is_refused_leaves_nothing(
    world: FakeService, content: bytes, refusal: type[DomainError]
) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(content))
    with pytest.raises(refusal):
        await world.uploads.complete_upload(anna, started.upload.id)
    assert world.fake_store.objects == world.fake_database.tables.videos == {}


async def test_an_upload_survives_a_store_that_is_down(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.uploads.complete_upload(anna, started.upload.id)
    world.fake_store.unavailable = False
    assert await world.uploads.complete_upload(anna, started.upload.id)


@dataclass
class FailingStore(FakeObjectStore):
    """Refuses a number of writes."""

    refusals: int = 1

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        if key.startswith("videos/") and self.refusals:
            self.refusals -= 1
            raise StorageUnavailableError("the fake store stumbled")
        return await super().put(key, chunks)


async def test_an_upload_survives_a_temporary_error(tmp_path: Path) -> None:
    store = FailingStore()
    world = FakeService(tmp_path, real_store=store)
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await store.put(started.upload.object_key, chunks(b"film"))
    with pytest.raises(StorageUnavailableError):
        await world.uploads.complete_upload(anna, started.upload.id)
    store.room = 4
    with pytest.raises(StorageFullError):
        await world.uploads.complete_upload(anna, started.upload.id)
    assert list(store.objects) == [started.upload.object_key]
    store.room = 1000
    video = await world.uploads.complete_upload(anna, started.upload.id)
    assert store.objects == {video.object_key: b"film"}


async def test_an_upload_may_expire_while_it_is_completed(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    read = world.fake_store.read

    async def slow_read(key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        world.clock.advance(timedelta(hours=1, minutes=30))
        async for chunk in read(key, start, stop):
            yield chunk

    monkeypatch.setattr(world.fake_store, "read", slow_read)
    assert await world.uploads.complete_upload(anna, started.upload.id)


async def test_a_video_is_stored_even_if_its_upload_cannot_be_removed(
    world: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(key: str) -> None:
        raise StorageUnavailableError(f"cannot delete {key}")

    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.store.put(started.upload.object_key, chunks(b"film"))
    monkeypatch.setattr(world.fake_store, "remove", refuse)
    assert await world.uploads.complete_upload(anna, started.upload.id)


async def test_bytes_that_no_upload_expects_are_not_kept(world: FakeService) -> None:
    anna = await world.person("anna")
    started = await world.uploads.begin_upload(anna, "video.mp4")
    await world.uploads.receive(started.upload.object_key, chunks(b"film"))

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"late"
        await world.uploads.complete_upload(anna, started.upload.id)

    for late_chunks in (overtaken(), chunks(b"later still")):
        with pytest.raises(UploadNotFoundError):
            await world.uploads.receive(started.upload.object_key, late_chunks)
    (video,) = (await world.collection.list(anna, 10, 0)).items
    assert world.fake_store.objects == {video.object_key: b"film"}


async def test_a_failed_deletion_of_a_video_can_be_repeated(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    world.fake_store.unavailable = True
    with pytest.raises(StorageUnavailableError):
        await world.collection.delete(anna, video.id)
    world.fake_store.unavailable = False
    await world.collection.delete(anna, video.id)
    assert world.fake_store.objects == world.fake_database.tables.videos == {}


async def test_deleting_removes_the_bytes_unless_a_request_needs_them(world: FakeService) -> None:
    anna = await world.person("anna")
    spec = await world.request_spec(anna, (0, 10))
    submitted = await world.submissions.submit(anna, spec)
    with pytest.raises(VideoInUseError):
        await world.collection.delete(anna, spec.video_id)
    assert len(world.fake_store.objects) == 1
    await world.anonymization.cancel(anna, submitted.request.id)
    await world.collection.delete(anna, spec.video_id)
    assert world.fake_store.objects == {}


async def test_a_frame_beyond_the_end_is_not_found(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    for beyond in (-1, 100):
        with pytest.raises(FrameNotFoundError):
            await world.collection.frame(anna, video.id, beyond, None)
    assert await world.collection.frame(anna, video.id, 99, 320) == b"\xff\xd899@320\xff\xd9"
    assert list(world.scratch.iterdir()) == []


async def test_a_video_is_fetched_once_for_several_frames(
    world: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    cache = LocalCache(tmp_path, 1000)
    monkeypatch.setattr(world.fake_store, "cached_file", lambda key, _: cache.copy(key, world.fake_store))
    for index in range(3):
        assert await world.collection.frame(anna, video.id, index, 320)
    world.fake_store.objects.clear()
    assert await world.collection.frame(anna, video.id, 4, 320)
    await cache.close()


async def test_frames_of_a_video_without_its_file_are_not_found(world: FakeService) -> None:
    anna = await world.person("anna")
    video = await world.video(anna)
    world.fake_store.objects.clear()
    with pytest.raises(VideoNotFoundError, match="is gone: upload the video again"):
        await world.collection.frame(anna, video.id, 0, None)
