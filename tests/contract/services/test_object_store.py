"""Contract of every object store: the fake, the folder, and MinIO's SDK against a real S3."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from fakes.clock import FakeClock
from fakes.storage import FakeObjectStore
from framecloak.adapters.storage import minio
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.adapters.storage.minio import MinioStore
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.domain.errors import (
    ObjectNotFoundError,
    StorageUnavailableError,
    UploadTooLargeError,
)
from framecloak.domain.ports.object_store import ObjectStore
from support.servers.object_stores import (
    StoreSample,
    content,
    fake_sample,
    folder_sample,
    minio_sample,
    minio_store,
    stream,
)
from support.servers.s3_server import S3Server, running_s3

MINUTE = timedelta(minutes=1)
MEBI = 1024 * 1024
MIN_PART_BYTES = 5 * MEBI
"""Minimum part size of S3 in bytes; `minio.PART_SIZE` is larger."""

TWO_PARTS = MIN_PART_BYTES + MEBI
"""Size in bytes of an object in two parts."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce the part size, so that small objects have several parts."""
    monkeypatch.setattr(minio, "PART_SIZE", MIN_PART_BYTES)


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return [stored.key async for stored in store.list(prefix)]


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


def cached_in(scratch: Path) -> list[str]:
    return [path.name for path in scratch.glob("previews-*/*")]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_s3(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(params=["fake", "folder", "minio", "minio with a cache"])
async def sample(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreSample]:
    match request.param:
        case "fake":
            yield fake_sample()
        case "folder":
            yield folder_sample(tmp_path / "objects")
        case kind:
            bucket = f"test-{uuid4().hex}"
            cache = LocalCache(tmp_path, 30 * MEBI) if kind == "minio with a cache" else None
            s3 = request.getfixturevalue("s3")
            store = minio_store(s3, bucket, cache)
            yield minio_sample(s3, store, bucket)
            await store.close()


@pytest.fixture
def store(sample: StoreSample) -> ObjectStore:
    return sample.store


async def test_an_object_is_read_back_as_stored(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    stored = await store.put("videos/a-1/film.mp4", stream(b"one ", b"", b"two"))
    assert (stored.key, stored.size) == ("videos/a-1/film.mp4", 7)
    assert await content(store, "videos/a-1/film.mp4") == b"one two"
    assert await store.stat("videos/a-1/film.mp4") == stored
    assert stored.modified_at.tzinfo is not None
    if not isinstance(store, FakeObjectStore):
        assert before <= stored.modified_at <= datetime.now(UTC) + timedelta(seconds=2)


async def test_an_empty_object_can_be_stored(store: ObjectStore) -> None:
    assert (await store.put("empty", stream())).size == 0
    assert await content(store, "empty") == b""
    assert await content(store, "empty", 0, 5) == b""


async def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    await store.put("a", stream(b"the first, which is longer"))
    await store.put("a", stream(b"the second"))
    assert await content(store, "a") == b"the second"


async def test_a_version_is_read_while_it_is_there(store: ObjectStore) -> None:
    first = await store.put("a", stream(b"the first"))
    assert first == await store.stat("a")
    assert await content(store, "a", version=first.version) == b"the first"
    assert await content(store, "a", 4, 7, version=first.version) == b"fir"
    second = await store.put("a", stream(b"the other"))
    for start, stop in ((0, None), (4, 7)):
        with pytest.raises(ObjectNotFoundError):
            await content(store, "a", start, stop, version=first.version)
        assert await content(store, "a", start, stop, version=second.version) == b"the other"[start:stop]


async def test_a_version_of_two_parts_is_read_while_it_is_there(store: ObjectStore) -> None:
    stored = await store.put("large", stream(bytes(TWO_PARTS)))
    assert await content(store, "large", 5, 9, version=stored.version) == bytes(4)
    await store.put("large", stream(bytes([1]) * TWO_PARTS))
    with pytest.raises(ObjectNotFoundError):
        await content(store, "large", 5, 9, version=stored.version)


@pytest.mark.parametrize("part", [MIN_PART_BYTES, pytest.param(minio.PART_SIZE, marks=pytest.mark.nightly)])
async def test_an_object_of_two_parts_in_odd_chunks_is_stored_whole(
    store: ObjectStore, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nightly form uses the part size of the service, twenty megabytes in all."""
    monkeypatch.setattr(minio, "PART_SIZE", part)
    rng = random.Random(7)  # noqa: S311 - chunk sizes are no secret
    data = rng.randbytes(part + part // 4 + 3)
    digest = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        offset = 0
        while offset < len(data):
            size = rng.choice([1, 1000, 65536, 3 * MEBI])
            yield data[offset : offset + size]
            offset += size
            await asyncio.sleep(0)

    assert (await store.put("large", chunks())).size == len(data)
    async for chunk in store.read("large"):
        digest.update(chunk)
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest()
    assert await content(store, "large", part - 2, part + 2) == data[part - 2 : part + 2]


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (2, 5, b"234"),
        (9, 10, b"9"),
        (8, 99, b"89"),
        (4, 4, b""),
        (10, None, b""),
        (50, 60, b""),
    ],
)
async def test_ranges_behave_like_slices(
    store: ObjectStore, start: int, stop: int | None, expected: bytes
) -> None:
    await store.put("digits", stream(b"0123456789"))
    assert await content(store, "digits", start, stop) == expected


async def test_a_reader_can_stop_early(store: ObjectStore) -> None:
    await store.put("long", stream(b"x" * 3 * MEBI))
    reader = store.read("long")
    assert (await anext(reader)).startswith(b"xxxx")
    await reader.aclose()  # type: ignore[attr-defined]  # all of them are generators
    await store.remove("long")
    assert await keys(store, "") == []


async def test_a_missing_object_is_not_found(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("folder/object", stream(b"x"))
    for key in ("nothing", "folder", "folder/nothing"):
        with pytest.raises(ObjectNotFoundError):
            await store.stat(key)
        with pytest.raises(ObjectNotFoundError):
            await content(store, key)
        with pytest.raises(ObjectNotFoundError):
            await content(store, key, 4, 4)
        with pytest.raises(ObjectNotFoundError):
            async with store.local_file(key, tmp_path):
                pass
        await store.remove(key)
    assert await keys(store, "") == ["folder/object"]
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/./b", "a b", "a\nb", "ä", "a\\b", "a?b", "x" * 1000],
)
async def test_an_invalid_key_is_refused(store: ObjectStore, key: str) -> None:
    for call in (store.put(key, stream(b"x")), store.stat(key), store.remove(key)):
        with pytest.raises(ValueError, match="is not a key"):
            await call
    for make in (store.presigned_put(key, MINUTE), store.presigned_get(key, "x", MINUTE)):
        with pytest.raises(ValueError, match="is not a key"):
            await make
    with pytest.raises(ValueError, match="is not a key"):
        await content(store, key)


async def test_objects_are_listed_in_key_order(store: ObjectStore) -> None:
    names = ["a/b/c", "a-b", "a.b", "a/b-c", "a/b.d/e", "B/x", "ab", "a_b", "b", "a/b/a"]
    for name in names:
        await store.put(name, stream(name.encode()))
    assert await keys(store, "") == sorted(names)
    assert await keys(store, "a") == sorted(name for name in names if name.startswith("a"))
    assert await keys(store, "a/b/") == ["a/b/a", "a/b/c"]
    assert await keys(store, "a/b") == ["a/b-c", "a/b.d/e", "a/b/a", "a/b/c"]
    assert await keys(store, "nothing/at/all") == []
    assert [stored.size async for stored in store.list("a/b/")] == [5, 5]


async def test_removing_a_prefix_removes_exactly_its_objects(store: ObjectStore) -> None:
    for name in ("requests/1/slices/0", "requests/1/slices/1", "requests/1/result.zip", "requests/12/x"):
        await store.put(name, stream(b"x"))
    assert await store.remove_prefix("requests/1/") == 3
    assert await store.remove_prefix("requests/1/") == 0
    assert await keys(store, "") == ["requests/12/x"]
    assert await store.remove_prefix("requests/1") == 1
    await store.put("requests", stream(b"the folder is free again"))


@pytest.mark.parametrize("error", [UploadTooLargeError("too much"), OSError("the client is gone")])
@pytest.mark.parametrize("size", [10, TWO_PARTS])
async def test_an_error_of_the_stream_is_raised_and_nothing_is_stored(
    sample: StoreSample, error: Exception, size: int
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * size
        raise error

    await sample.store.put("kept", stream(b"as it was"))
    for key in ("kept", "new/one"):
        with pytest.raises(type(error)) as caught:
            await sample.store.put(key, broken())
        assert caught.value is error
    assert await keys(sample.store, "") == ["kept"]
    assert await content(sample.store, "kept") == b"as it was"
    assert sample.leftovers() == []


async def test_a_cancelled_put_leaves_nothing(sample: StoreSample) -> None:
    waiting = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"x" * TWO_PARTS
        waiting.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(sample.store.put("new", stalled()))
    await waiting.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await keys(sample.store, "") == []
    assert sample.leftovers() == []


async def test_old_leftovers_of_a_killed_process_are_removed(sample: StoreSample) -> None:
    await sample.store.put("kept", stream(b"as it was"))
    sample.simulate_kill()
    now = datetime.now(UTC)
    assert await sample.store.remove_partial(now - MINUTE) == 0
    assert len(sample.leftovers()) == 1
    assert await sample.store.remove_partial(now + MINUTE) == 1
    assert sample.leftovers() == []
    assert await keys(sample.store, "") == ["kept"]


async def test_stored_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    root = tmp_path / "objects"
    root.mkdir(mode=0o755)  # as an administrator may have created it
    store = FilesystemStore(root, SignedUrls("", b"k" * 32, FakeClock()))
    await store.put("videos/film", stream(b"film"))
    assert (root / "videos" / "film").stat().st_mode & 0o777 == 0o600


async def test_an_object_is_invisible_until_it_is_complete(store: ObjectStore) -> None:
    listings: list[list[str]] = []

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * (TWO_PARTS // 3)
            listings.append(await keys(store, ""))

    await store.put("a/b", chunks())
    assert listings == [[], [], []]
    assert await keys(store, "") == ["a/b"]


async def test_storing_a_file_copies_it(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "source"
    data = random.Random(3).randbytes(3 * MEBI + 1)  # noqa: S311 - no secret
    path.write_bytes(data)
    assert (await store.put_file("copy", path)).size == len(data)
    path.write_bytes(b"changed later")
    assert hashlib.sha256(await content(store, "copy")).digest() == hashlib.sha256(data).digest()


async def test_an_object_is_available_as_a_local_file(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("a", stream(b"0123456789" * 1000))
    async with store.local_file("a", tmp_path) as path:
        assert path.read_bytes() == b"0123456789" * 1000
    assert await content(store, "a", 0, 10) == b"0123456789"
    assert files_in(tmp_path) == []


async def test_a_cached_file_is_always_the_current_object(store: ObjectStore, tmp_path: Path) -> None:
    for current in (b"first", b"second"):
        await store.put("a/b", stream(current))
        for _ in range(2):
            async with store.cached_file("a/b", tmp_path) as path, store.cached_file("a/b", tmp_path) as same:
                assert path.read_bytes() == same.read_bytes() == current
    await store.remove("a/b")
    with pytest.raises(ObjectNotFoundError):
        async with store.cached_file("a/b", tmp_path):
            pass
    await store.put("a/b", stream(b"third"))
    async with store.cached_file("a/b", tmp_path):
        pass
    await store.remove_prefix("a/")
    with pytest.raises(ObjectNotFoundError):
        async with store.cached_file("a/b", tmp_path):
            pass
    assert cached_in(tmp_path) == files_in(tmp_path) == []


@pytest.mark.parametrize("sample", ["minio with a cache"], indirect=True)
async def test_a_cached_object_is_fetched_once(
    store: MinioStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("film", stream(b"x" * MEBI))
    fetched: list[str] = []
    get = store._open_range
    monkeypatch.setattr(store, "_open_range", lambda key, *args: (fetched.append(key), get(key, *args))[1])

    async def read() -> bytes:
        async with store.cached_file("film", tmp_path) as path:
            return path.read_bytes()

    assert set(await asyncio.gather(*(read() for _ in range(10)))) == {b"x" * MEBI}
    assert await read() == b"x" * MEBI
    assert fetched == ["film"]


async def test_an_object_is_downloaded_from_a_presigned_address(sample: StoreSample) -> None:
    await sample.store.put("results/1.zip", stream(b"frames"))
    address = await sample.store.presigned_get("results/1.zip", "frames.zip", MINUTE)
    answer = await sample.send("GET", address, b"")
    assert (answer.status, answer.body) == (200, b"frames")


async def test_an_object_is_uploaded_to_a_presigned_address(sample: StoreSample) -> None:
    address = await sample.store.presigned_put("uploads/7", MINUTE)
    assert (await sample.send("PUT", address, b"a video")).status == 200
    assert await content(sample.store, "uploads/7") == b"a video"


async def test_a_presigned_address_expires(sample: StoreSample) -> None:
    await sample.store.put("a", stream(b"x"))
    second = timedelta(seconds=1)
    get = await sample.store.presigned_get("a", "a", second)
    put = await sample.store.presigned_put("a", second)
    await sample.wait(timedelta(seconds=2.5))
    assert (await sample.send("GET", get, b"")).status == 403
    assert (await sample.send("PUT", put, b"y")).status == 403
    assert await content(sample.store, "a") == b"x"


@pytest.mark.parametrize("sample", ["folder", "minio"], indirect=True)
async def test_an_altered_address_is_refused(sample: StoreSample) -> None:
    await sample.store.put("mine", stream(b"mine"))
    await sample.store.put("else", stream(b"another object"))
    get = await sample.store.presigned_get("mine", "mine.zip", MINUTE)
    put = await sample.store.presigned_put("mine", MINUTE)
    assert (await sample.send("GET", get, b"")).status == 200
    for altered in (
        get.replace("/mine?", "/else?"),
        get.replace("mine.zip", "evil.exe"),
        get.replace("xpires=", "xpires=9"),
        get[:-6] + ("aaaaaa" if not get.endswith("aaaaaa") else "bbbbbb"),
        get.partition("?")[0] + "?expires=9999999999",
        put,
    ):
        assert altered != get
        assert (await sample.send("GET", altered, b"")).status in {400, 403}, altered
    assert (await sample.send("PUT", get, b"overwritten")).status in {400, 403}
    assert await content(sample.store, "mine") == b"mine"


@pytest.mark.parametrize("sample", ["folder", "minio"], indirect=True)
@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("Überwachung 3.zip", "Uberwachung 3.zip", "%C3%9Cberwachung%203.zip"),
        ('a"b;c.zip', "a_b;c.zip", "a_b%3Bc.zip"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("a\r\nSet-Cookie: x=1", "a__Set-Cookie_ x=1", "a__Set-Cookie_%20x%3D1"),
        ("100%.zip", "100_.zip", "100%25.zip"),
        ("映像.mp4", ".mp4", "%E6%98%A0%E5%83%8F.mp4"),
        ("gpj\u202e.exe", "gpj_.exe", "gpj_.exe"),
        ("", "download", "download"),
        ("x" * 10_000 + ".zip", "x" * 116 + ".zip", "x" * 116 + ".zip"),
    ],
)
async def test_odd_filenames_are_sanitized_in_the_header(
    sample: StoreSample, name: str, plain: str, encoded: str
) -> None:
    await sample.store.put("a", stream(b"x"))
    address = await sample.store.presigned_get("a", name, MINUTE)
    assert len(address) < 2000
    answer = await sample.send("GET", address, b"")
    expected = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    assert answer.headers["content-disposition"] == expected


async def test_an_available_store_answers_a_ping(store: ObjectStore) -> None:
    await store.ping()


async def test_concurrent_calls_are_independent(store: ObjectStore) -> None:
    names = [f"parallel/{number:02}" for number in range(24)]
    await asyncio.gather(*(store.put(name, stream(name.encode() * 1000)) for name in names))
    found = await asyncio.gather(*(content(store, name) for name in names))
    assert found == [name.encode() * 1000 for name in names]
    assert await keys(store, "parallel/") == names


async def test_a_lost_store_is_reported_as_unavailable(tmp_path: Path) -> None:
    folder = FilesystemStore(tmp_path / "mount", SignedUrls("", b"k" * 32, FakeClock()))
    (tmp_path / "mount").rmdir()
    minio = MinioStore("127.0.0.1:1", "key", "secret", "bucket", secure=False)
    stores: list[ObjectStore] = [folder, minio, FakeObjectStore(unavailable=True)]
    for lost in stores:
        with pytest.raises(StorageUnavailableError):
            await lost.ping()
        with pytest.raises(StorageUnavailableError):
            await lost.put("a", stream(b"x"))
    await minio.close()
