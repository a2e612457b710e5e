"""Copies of objects on the local disk: fetched once, bounded, private, and gone when they should be."""

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
class Slow(FakeObjectStore):
    """Tells what is read, and reads on when it may.

    Attributes:
        reads: keys in order.
        reading: set by every read.
        may: to be cleared to have reads wait.
        broken: whether reads fail half-way.
    """

    reads: list[str] = field(default_factory=list)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    may: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    def __post_init__(self) -> None:
        self.may.set()

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        self.reads.append(key)
        self.reading.set()
        async for chunk in super().read(key, start, stop):
            yield chunk
            await self.may.wait()
            if self.broken:
                raise StorageUnavailableError("the fake store went down")


@pytest.fixture
async def store() -> Slow:
    store = Slow()
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


async def look(cache: LocalCache, store: Slow, key: str) -> bytes:
    async with cache.copy(key, store) as path:
        return path.read_bytes()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def files(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("*/*"))


async def test_many_who_want_the_same_have_it_fetched_once(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    assert set(await asyncio.gather(*(look(cache, store, "videos/a") for _ in range(20)))) == {b"aaaaa"}
    async with cache.copy("videos/a", store) as path, cache.copy("videos/a", store) as same:
        assert path == same
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert store.reads == ["videos/a"]
    assert files(tmp_path) == [b"aaaaa"]


async def test_what_was_used_least_recently_makes_room(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    for key in ("videos/a", "videos/b", "videos/a", "videos/c"):
        await look(cache, store, key)
    assert files(tmp_path) == [b"aaaaa", b"ccccc"]


async def test_what_somebody_has_open_stays(cache: LocalCache, store: Slow, tmp_path: Path) -> None:
    async with cache.copy("videos/a", store) as path:
        for key in ("videos/b", "videos/c"):
            await look(cache, store, key)
        async with cache.copy("videos/b", store), cache.copy("videos/c", store):
            assert path.read_bytes() == b"aaaaa"
            assert len(files(tmp_path)) == 3
    assert len(files(tmp_path)) == 2


async def test_what_is_larger_than_the_room_is_had_and_not_kept(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    assert await look(cache, store, "videos/large") == b"large" * 5
    assert files(tmp_path) == []


async def test_a_fetch_that_fails_leaves_nothing_and_is_tried_again(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    store.broken = True
    answers = await asyncio.gather(
        *(look(cache, store, "videos/a") for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StorageUnavailableError] * 3
    with pytest.raises(ObjectNotFoundError):
        await look(cache, store, "videos/none")
    assert files(tmp_path) == []
    store.broken = False
    assert await look(cache, store, "videos/a") == b"aaaaa"


async def test_a_fetch_goes_on_while_anybody_waits_for_it(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    store.may.clear()
    waiting = [asyncio.create_task(look(cache, store, "videos/a")) for _ in range(2)]
    await store.reading.wait()
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    store.may.set()
    assert await waiting[1] == b"aaaaa"
    store.may.clear()
    store.reading.clear()
    alone = asyncio.create_task(look(cache, store, "videos/b"))
    await store.reading.wait()
    alone.cancel()
    await asyncio.wait([alone])
    assert files(tmp_path) == [b"aaaaa"]
    store.may.set()
    assert await look(cache, store, "videos/b") == b"bbbbb"


async def test_what_is_deleted_goes_at_once_in_every_process(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    other = LocalCache(tmp_path, LIMIT)
    await look(other, store, "videos/a")
    async with cache.copy("videos/a", store) as path:
        with path.open("rb") as file:
            await cache.discard("videos/a")
            assert files(tmp_path) == []
            assert file.read() == b"aaaaa"
    assert await look(other, store, "videos/a") == b"aaaaa"
    assert store.reads == ["videos/a"] * 3
    await other.close()


async def test_folders_of_those_who_were_killed_go_and_those_of_the_living_stay(
    cache: LocalCache, store: Slow, tmp_path: Path
) -> None:
    await look(cache, store, "videos/a")
    dead = tmp_path / "previews-dead"
    dead.mkdir()
    (dead / "film").write_bytes(b"left behind")
    (tmp_path / "request-1").mkdir()
    other = LocalCache(tmp_path, LIMIT)
    assert not dead.exists()
    assert files(tmp_path) == [b"aaaaa"]
    await other.close()
    (tmp_path / "request-1").rmdir()


async def test_a_folder_that_goes_while_it_is_looked_into_is_no_error(
    cache: LocalCache, store: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "previews-another"
    gone.mkdir()
    scandir = os.scandir

    def remove_and_scan(folder: str | Path) -> object:
        if Path(folder) == gone:
            gone.rmdir()
        return scandir(folder)

    await look(cache, store, "videos/a")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", remove_and_scan)
        await cache.discard("videos/a")
    assert not gone.exists()
    assert files(tmp_path) == []
