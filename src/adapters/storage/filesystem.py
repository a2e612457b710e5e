"""Object store in a folder, on one machine or on a shared network file system."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from framecloak.adapters.storage.async_files import (
    PARTIAL_PREFIX,
    copy_file,
    create_file,
    disk_errors,
    read_stream,
    sync_file,
    sync_folder,
    write_stream,
)
from framecloak.adapters.storage.object_keys import is_key_part, require_key, require_prefix, require_range
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.adapters.storage.threads import in_thread
from framecloak.domain.errors import ObjectNotFoundError, StorageUnavailableError
from framecloak.domain.ports.object_store import StoredObject

_LIST_BATCH = 1000
_PUBLISH_ATTEMPTS = 5


class FilesystemStore:
    """Object store that keeps every object as a file whose path below the folder is its key.

    A file is written under a name that is not a valid key, flushed to disk, and renamed. An object is
    therefore complete or absent, even after a power failure. A key cannot be both an object and a folder of
    other objects (``a`` and ``a/b``); such a call is a programming error.

    Args:
        root: root folder, created when missing; only this user can read it and its files.
        urls: signer of the URLs under which the API serves objects.

    Raises:
        StorageUnavailableError: the folder cannot be created.
    """

    def __init__(self, root: Path, urls: SignedUrls) -> None:
        self._root = root
        self._urls = urls
        with disk_errors(f"create the storage folder {root}"):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream; see `ObjectStore` for this and all other methods."""
        async with self._new_file(key) as file:
            await write_stream(file, chunks)
        return await self.stat(key)

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a copy of a file, sharing blocks where the file system supports it."""
        async with self._new_file(key) as file:
            with disk_errors(f"read {path.name}"):
                source = await in_thread(path.open, "rb")
            with source:
                await copy_file(source, file)
        return await self.stat(key)

    @asynccontextmanager
    async def local_file(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        """Yield the path of the stored file itself, without a copy."""
        del scratch  # only remote stores need it
        await self.stat(key)
        yield self._path(key)

    def cached_file(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Yield the path of the stored file itself, as `local_file` does."""
        return self.local_file(key, scratch)

    async def forget_copy(self, key: str) -> None:
        """Do nothing, because there are no copies."""

    async def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes ``[start, stop)`` of one version, even when the object is replaced meanwhile."""
        require_range(start, stop)
        file = await in_thread(self._open, key)
        try:
            size = os.fstat(file.fileno()).st_size
            file.seek(start)
            _require_version(key, file, version)
            async for chunk in read_stream(file, min(size, size if stop is None else stop) - start):
                # Asked after the bytes were read, because a file can be altered while it is open.
                _require_version(key, file, version)
                yield chunk
        finally:
            file.close()

    async def stat(self, key: str) -> StoredObject:
        """Return the size and modification time of the file."""
        return await in_thread(self._stat, key)

    async def remove(self, key: str) -> None:
        """Delete the file, and the folders that become empty."""
        await in_thread(self._remove, self._path(key))

    async def remove_prefix(self, prefix: str) -> int:
        """Delete all files whose keys begin with the prefix; return their number."""
        return await in_thread(self._remove_all, require_prefix(prefix))

    async def remove_partial(self, before: datetime) -> int:
        """Delete unfinished files last written before the given time; return their number."""
        return await in_thread(self._remove_partial, before)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield files in the order of their keys; files deleted meanwhile are omitted."""
        found = self._walk(require_prefix(prefix))
        while batch := await in_thread(_next_batch, found, _LIST_BATCH):
            for stored in batch:
                yield stored

    async def presigned_get(self, key: str, filename: str, ttl: timedelta) -> str:
        """Return a signed URL of the API that downloads the object."""
        return self._urls.signed_url("GET", key, filename, ttl)

    async def presigned_put(self, key: str, ttl: timedelta) -> str:
        """Return a signed URL of the API that uploads the object."""
        return self._urls.signed_url("PUT", key, "", ttl)

    async def ping(self) -> None:
        """Check that the folder exists and is writable."""
        if not await in_thread(os.access, self._root, os.R_OK | os.W_OK | os.X_OK):
            message = f"the storage folder {self._root} does not exist or is not writable"
            raise StorageUnavailableError(message, "check its permissions, and that its disk is mounted")

    def _path(self, key: str) -> Path:
        return self._root / require_key(key)

    @asynccontextmanager
    async def _new_file(self, key: str) -> AsyncIterator[BinaryIO]:
        """Yield a file that becomes the object when the block succeeds, and is deleted when it fails."""
        target = self._path(key)
        partial = self._root / f"{PARTIAL_PREFIX}{secrets.token_hex(16)}"
        try:
            with disk_errors(f"write {key}"):
                file = await in_thread(create_file, partial)
            try:
                yield file
                await in_thread(self._publish, file, partial, target)
            finally:
                with suppress(OSError):  # closing retries the write that failed on a full disk
                    file.close()
        finally:
            await in_thread(partial.unlink, missing_ok=True)

    def _publish(self, file: BinaryIO, partial: Path, target: Path) -> None:
        with disk_errors(f"store {target.name}"):
            sync_file(file)
            for attempt in range(_PUBLISH_ATTEMPTS):
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    partial.replace(target)
                    break
                except FileNotFoundError:
                    # Removing the last object of a folder removes the folder, possibly concurrently.
                    if attempt == _PUBLISH_ATTEMPTS - 1:
                        raise
                except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
                    raise ValueError(f"{target} would be both an object and a folder") from error
        for folder in target.relative_to(self._root).parents:
            sync_folder(self._root / folder)

    def _open(self, key: str) -> BinaryIO:
        with disk_errors(f"read {key}"), _not_found(key):
            return self._path(key).open("rb")

    def _stat(self, key: str) -> StoredObject:
        path = self._path(key)
        with disk_errors(f"examine {key}"), _not_found(key):
            if path.is_dir():
                raise IsADirectoryError
            return _stored_object(key, path.stat())

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        folder, slash, _ = prefix.rpartition("/")
        return self._walk_folder(self._root / folder, folder + slash, prefix)

    def _walk_folder(self, folder: Path, base: str, prefix: str) -> Iterator[StoredObject]:
        for entry in _sorted_entries(folder):
            key = base + entry.name
            if not key.startswith(prefix) or not is_key_part(entry.name):
                continue
            if entry.is_dir():
                yield from self._walk_folder(folder / entry.name, f"{key}/", prefix)
            elif entry.is_file():
                with disk_errors(f"examine {key}"), suppress(FileNotFoundError):
                    yield _stored_object(key, entry.stat())

    def _remove_all(self, prefix: str) -> int:
        keys = [stored.key for stored in self._walk(prefix)]
        for key in keys:
            self._remove(self._root / key)
        return len(keys)

    def _remove(self, path: Path) -> None:
        missing = suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
        with disk_errors(f"delete {path.name}"), missing:
            path.unlink()
        for folder in path.parents:
            if folder == self._root or not _remove_if_empty(folder):
                return

    def _remove_partial(self, before: datetime) -> int:
        removed = 0
        with disk_errors("clean up the storage folder"):
            for path in self._root.glob(f"{PARTIAL_PREFIX}*"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        removed += 1
        return removed


@contextmanager
def _not_found(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ObjectNotFoundError(f"there is no object {key}") from error


def _next_batch(objects: Iterator[StoredObject], count: int) -> list[StoredObject]:
    return list(islice(objects, count))


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, in the order of the keys below it."""
    with disk_errors("list the storage folder"):
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def _require_version(key: str, file: BinaryIO, version: str | None) -> None:
    if version not in {None, _stored_object(key, os.fstat(file.fileno())).version}:
        raise ObjectNotFoundError(f"{key} was replaced or altered meanwhile")


def _stored_object(key: str, status: os.stat_result) -> StoredObject:
    # The time of the last change cannot be set, unlike that of the last modification.
    version = f"{status.st_dev}-{status.st_ino}-{status.st_size}-{status.st_ctime_ns}"
    return StoredObject(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), version)


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
