"""Originals as verified files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.domain.errors import ObjectNotFoundError, OriginalDamagedError
from framecloak.domain.model.videos import Video
from framecloak.domain.storage import local_files
from framecloak.domain.storage.hashing import HashedFile, hash_file
from framecloak.domain.storage.originals import Originals
from support.use_cases import FakeService, chunks

FILM = b"a film of some length"


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    service = FakeService(tmp_path)
    return FilesystemStore(tmp_path / "objects", SignedUrls("https://api.test", b"key", service.clock))


@pytest.fixture
async def video(tmp_path: Path, store: FilesystemStore) -> Video:
    service = FakeService(tmp_path, real_store=store)
    anna = await service.person("anna")
    return await service.uploads.upload(anna, "film.mp4", chunks(FILM))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the files that are hashed."""
    paths: list[Path] = []

    async def counted(path: Path) -> HashedFile:
        paths.append(path)
        return await hash_file(path)

    monkeypatch.setattr(local_files, "hash_file", counted)
    return paths


async def read(originals: Originals, video: Video, scratch: Path) -> bytes:
    async with originals.file(video, scratch) as path:
        return path.read_bytes()


async def test_a_version_is_hashed_once(
    store: FilesystemStore, video: Video, tmp_path: Path, hashed: list[Path]
) -> None:
    originals = Originals(store)
    for _ in range(3):
        assert await read(originals, video, tmp_path) == FILM
    assert len(hashed) == 1


async def test_a_change_in_place_is_noticed_even_with_the_old_time(
    store: FilesystemStore, video: Video, tmp_path: Path
) -> None:
    originals = Originals(store)
    assert await read(originals, video, tmp_path) == FILM
    path = tmp_path / "objects" / video.object_key
    status = path.stat()
    path.write_bytes(FILM[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(OriginalDamagedError):
        await read(originals, video, tmp_path)


async def test_a_change_while_the_file_is_read_is_noticed(
    store: FilesystemStore, video: Video, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def changed() -> AsyncIterator[None]:
        async with Originals(store).file(video, tmp_path) as path:
            yield
            path.write_bytes(FILM[::-1])

    with pytest.raises(OriginalDamagedError):
        async with changed():
            pass


async def test_a_file_deleted_while_it_is_read_is_no_damage(
    store: FilesystemStore, video: Video, tmp_path: Path
) -> None:
    async with Originals(store).file(video, tmp_path):
        await store.remove(video.object_key)
    with pytest.raises(ObjectNotFoundError):
        await read(Originals(store), video, tmp_path)


async def test_another_recorded_digest_is_a_difference(
    store: FilesystemStore, video: Video, tmp_path: Path
) -> None:
    other = replace(video, facts=replace(video.facts, sha256="0" * 64))
    with pytest.raises(OriginalDamagedError):
        await read(Originals(store), other, tmp_path)
