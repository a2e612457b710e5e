"""Objects in a folder: for one machine, and for what a network file system shares."""

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
from framecloak.adapters.storage.object_keys import is_part, require_key, require_prefix, require_range
from framecloak.adapters.storage.signed_urls import SignedUrls
from framecloak.adapters.storage.threads import in_thread
from framecloak.domain.errors import ObjectNotFoundError, StorageUnavailableError
from framecloak.domain.ports.services import StoredObject

_LISTED_AT_ONCE = 1000
_PUBLISH_ATTEMPTS = 5


class FilesystemStore:
    """Stores every object as a file whose path below the folder is its key.

    A file is written under a name that is no key, forced to the disk, and renamed; so an object is
    there as a whole, or not at all, even after a power cut. A key cannot be both an object and the
    beginning of others (``a`` and ``a/b``); asking for that is a mistake in the program.

    Args:
        root: the folder; created when missing. It and the files in it are readable by this user only.
        urls: signs the addresses that the API serves objects under.

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
        """Store a copy of a file; its blocks are shared where the file system can."""
        async with self._new_file(key) as file:
            with disk_errors(f"read {path.name}"):
                source = await in_thread(path.open, "rb")
            with source:
                await copy_file(source, file)
        return await self.stat(key)

    @asynccontextmanager
    async def local(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        """The file itself; nothing is copied."""
        del scratch  # only stores that are elsewhere need it
        await self.stat(key)
        yield self._path(key)

    def kept(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """The file itself, likewise."""
        return self.local(key, scratch)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes ``[start, stop)``; they stay those of one version when the object is replaced."""
        require_range(start, stop)
        file = await in_thread(self._open, key)
        try:
            size = os.fstat(file.fileno()).st_size
            file.seek(start)
            async for chunk in read_stream(file, min(size, size if stop is None else stop) - start):
                yield chunk
        finally:
            file.close()

    async def stat(self, key: str) -> StoredObject:
        """Size and time of the file."""
        return await in_thread(self._stat, key)

    async def remove(self, key: str) -> None:
        """Delete the file, and the folders that it leaves empty."""
        await in_thread(self._remove, self._path(key))

    async def remove_all(self, prefix: str) -> int:
        """Delete all files whose keys begin so."""
        return await in_thread(self._remove_all, require_prefix(prefix))

    async def remove_partial(self, before: datetime) -> int:
        """Delete unfinished files that nobody has written to since."""
        return await in_thread(self._remove_partial, before)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Files in the order of their keys; those that vanish meanwhile are left out."""
        found = self._walk(require_prefix(prefix))
        while batch := await in_thread(_take, found, _LISTED_AT_ONCE):
            for stored in batch:
                yield stored

    async def presigned_get(self, key: str, filename: str, lasts: timedelta) -> str:
        """An address of the API."""
        return self._urls.address("GET", key, filename, lasts)

    async def presigned_put(self, key: str, lasts: timedelta) -> str:
        """An address of the API."""
        return self._urls.address("PUT", key, "", lasts)

    async def ping(self) -> None:
        """Make sure that the folder is there and can be written to."""
        if not await in_thread(os.access, self._root, os.R_OK | os.W_OK | os.X_OK):
            message = f"the storage folder {self._root} is not there or cannot be written to"
            raise StorageUnavailableError(message, "check that its disk is mounted, and its permissions")

    def _path(self, key: str) -> Path:
        return self._root / require_key(key)

    @asynccontextmanager
    async def _new_file(self, key: str) -> AsyncIterator[BinaryIO]:
        """A file that becomes the object when the block ends well, and vanishes when it does not."""
        target = self._path(key)
        partial = self._root / f"{PARTIAL_PREFIX}{secrets.token_hex(16)}"
        try:
            with disk_errors(f"write {key}"):
                file = await in_thread(create_file, partial)
            try:
                yield file
                await in_thread(self._publish, file, partial, target)
            finally:
                with suppress(OSError):  # what a full disk did not take is tried again, in vain
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
                    # Whoever removes the last object of a folder removes the folder, perhaps just now.
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
        with disk_errors(f"look at {key}"), _not_found(key):
            if path.is_dir():
                raise IsADirectoryError
            return _stored(key, path.stat())

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        folder, slash, _ = prefix.rpartition("/")
        return self._walk_folder(self._root / folder, folder + slash, prefix)

    def _walk_folder(self, folder: Path, base: str, prefix: str) -> Iterator[StoredObject]:
        for entry in _entries(folder):
            key = base + entry.name
            if not key.startswith(prefix) or not is_part(entry.name):
                continue
            if entry.is_dir():
                yield from self._walk_folder(folder / entry.name, f"{key}/", prefix)
            elif entry.is_file():
                with disk_errors(f"look at {key}"), suppress(FileNotFoundError):
                    yield _stored(key, entry.stat())

    def _remove_all(self, prefix: str) -> int:
        doomed = [stored.key for stored in self._walk(prefix)]
        for key in doomed:
            self._remove(self._root / key)
        return len(doomed)

    def _remove(self, path: Path) -> None:
        missing = suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError)
        with disk_errors(f"delete {path.name}"), missing:
            path.unlink()
        for folder in path.parents:
            if folder == self._root or not _removed_if_empty(folder):
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


def _take(found: Iterator[StoredObject], count: int) -> list[StoredObject]:
    return list(islice(found, count))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in the order in which the keys below it come."""
    with disk_errors("list the storage folder"):
        try:
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name + "/" * entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []


def _stored(key: str, found: os.stat_result) -> StoredObject:
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _removed_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
