"""Copies of objects on the local disk: fetched once, bounded, private, and deleted in time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.storage import FakeObjectStore
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.domain.errors import ObjectNotFoundError, StorageUnavailableError
from support.use_cases import chunks

LIMIT = 10


@dataclass
class GatedStore(FakeObjectStore):
    """Records reads, and can delay or break them.

    Attributes:
        reads: keys in the order of the reads.
        reading: set by every read.
        gate: reads wait while it is cleared.
        broken: whether reads fail after the first chunk.
    """

    reads: list[str] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    async def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        self.reads.append(key)
        self.reading.set()
        async for chunk in super().read(key, start, stop, version=version):
            yield chunk
            await self.gate.wait()
            if self.broken:
                raise StorageUnavailableError("the fake store went down")


@pytest.fixture
async def store() -> GatedStore:
    store = GatedStore()
    for key in ("videos/a", "videos/b", "videos/c"):
        await store.put(key, chunks(key.encode()[-1:] * 5))
    await store.put("videos/large", chunks(b"large" * 5))
    return store


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[LocalCache]:
    cache = LocalCache(tmp_path, LIMIT)
    yield cache
    await cache.close()
    assert names(tmp_path) == []


async def read_copy(cache: LocalCache, store: GatedStore, key: str) -> bytes:
    async with cache.copy(key, store) as path:
        return path.read_bytes()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def files(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("*/*"))


async def test_concurrent_readers_share_one_fetch(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    assert set(await asyncio.gather(*(read_copy(cache, store, "videos/a") for _ in range(20)))) == {b"aaaaa"}
    async with cache.copy("videos/a", store) as path, cache.copy("videos/a", store) as same:
        assert path == same
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert store.reads == ["videos/a"]
    assert files(tmp_path) == [b"aaaaa"]


async def test_the_least_recently_used_copy_is_evicted(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    for key in ("videos/a", "videos/b", "videos/a", "videos/c"):
        await read_copy(cache, store, key)
    assert files(tmp_path) == [b"aaaaa", b"ccccc"]


async def test_an_open_copy_stays(cache: LocalCache, store: GatedStore, tmp_path: Path) -> None:
    async with cache.copy("videos/a", store) as path:
        for key in ("videos/b", "videos/c"):
            await read_copy(cache, store, key)
        async with cache.copy("videos/b", store), cache.copy("videos/c", store):
            assert path.read_bytes() == b"aaaaa"
            assert len(files(tmp_path)) == 3
    assert len(files(tmp_path)) == 2


async def test_an_object_larger_than_the_cache_is_readable_and_not_kept(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    assert await read_copy(cache, store, "videos/large") == b"large" * 5
    assert files(tmp_path) == []


async def test_a_failed_fetch_leaves_nothing_and_is_retried(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    store.broken = True
    answers = await asyncio.gather(
        *(read_copy(cache, store, "videos/a") for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StorageUnavailableError] * 3
    with pytest.raises(ObjectNotFoundError):
        await read_copy(cache, store, "videos/none")
    assert files(tmp_path) == []
    store.broken = False
    assert await read_copy(cache, store, "videos/a") == b"aaaaa"


async def test_a_fetch_continues_while_a_reader_waits_for_it(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    store.gate.clear()
    waiting = [asyncio.create_task(read_copy(cache, store, "videos/a")) for _ in range(2)]
    await store.reading.wait()
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    store.gate.set()
    assert await waiting[1] == b"aaaaa"
    store.gate.clear()
    store.reading.clear()
    alone = asyncio.create_task(read_copy(cache, store, "videos/b"))
    await store.reading.wait()
    alone.cancel()
    await asyncio.wait([alone])
    assert files(tmp_path) == [b"aaaaa"]
    store.gate.set()
    assert await read_copy(cache, store, "videos/b") == b"bbbbb"


async def test_a_deleted_object_disappears_from_the_caches_of_all_processes(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    other = LocalCache(tmp_path, LIMIT)
    await read_copy(other, store, "videos/a")
    async with cache.copy("videos/a", store) as path:
        with path.open("rb") as file:
            await cache.discard("videos/a")
            assert files(tmp_path) == []
            assert file.read() == b"aaaaa"
    assert await read_copy(other, store, "videos/a") == b"aaaaa"
    assert store.reads == ["videos/a"] * 3
    await other.close()


async def test_folders_of_killed_processes_are_removed_and_others_stay(
    cache: LocalCache, store: GatedStore, tmp_path: Path
) -> None:
    await read_copy(cache, store, "videos/a")
    dead = tmp_path / "previews-dead"
    dead.mkdir()
    (dead / "video").write_bytes(b"left behind")
    (tmp_path / "request-1").mkdir()
    other = LocalCache(tmp_path, LIMIT)
    assert not dead.exists()
    assert files(tmp_path) == [b"aaaaa"]
    await other.close()
    (tmp_path / "request-1").rmdir()


async def test_a_folder_that_disappears_during_a_scan_is_no_error(
    cache: LocalCache, store: GatedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "previews-another"
    gone.mkdir()
    scandir = os.scandir

    def remove_and_scan(folder: str | Path) -> object:
        if Path(folder) == gone:
            gone.rmdir()
        return scandir(folder)

    await read_copy(cache, store, "videos/a")
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", remove_and_scan)
        await cache.discard("videos/a")
    assert not gone.exists()
    assert files(tmp_path) == []
