"""Cache of frequently read objects on the local disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Protocol

from framecloak.adapters.storage.async_files import create_file, disk_errors, write_stream
from framecloak.adapters.storage.scratch_folder import ScratchFolder, remove_stale
from framecloak.adapters.storage.threads import in_thread, wait_until_done
from framecloak.domain.errors import StorageUnavailableError
from framecloak.domain.ports.object_store import StoredObject

PREVIEWS_PREFIX = "previews-"
"""Name prefix of the cache folders, one of which belongs to each process."""


class ObjectSource(Protocol):
    """Source of objects: the part of `domain.ports.object_store.ObjectStore` that the cache uses."""

    async def stat(self, key: str) -> StoredObject:
        """Return the size and time of an object."""
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """Yield all bytes of an object in chunks."""
        ...


@dataclass(eq=False)
class _Copy:
    """Local copy of an object, complete or being fetched.

    Attributes:
        path: path that is unique to this copy, even among copies of the same object.
        size: size in bytes; 0 until it is known.
        users: number of callers that use the copy or wait for it.
        fetching: future that is done when the file is complete.
    """

    path: Path
    size: int = 0
    users: int = 0
    fetching: asyncio.Future[None] = field(init=False)


class LocalCache:
    """Disk cache of objects in a private folder, with eviction of the least recently used copies.

    Closing the cache deletes its folder. The folder of a killed process is deleted when the next cache is
    created, or by the next clean-up.

    Args:
        parent: folder in which the cache folder is created; processes may share it.
        limit_bytes: maximum size of all copies in bytes; copies in use may exceed it temporarily.

    Raises:
        StorageUnavailableError: the folder cannot be created.
        StorageFullError: the disk is full.
    """

    def __init__(self, parent: Path, limit_bytes: int) -> None:
        self._parent = parent
        self._limit = limit_bytes
        self._numbers = count()
        self._copies: dict[str, _Copy] = {}
        """Copies by object key, least recently used first."""
        with suppress(StorageUnavailableError):  # clean-ups report folders that cannot be removed
            remove_stale(parent, PREVIEWS_PREFIX)
        self._folder = ScratchFolder(parent, PREVIEWS_PREFIX)

    async def close(self) -> None:
        """Delete all copies; the cache cannot be used afterwards."""
        fetching = [copy.fetching for copy in self._copies.values()]
        self._copies.clear()
        for fetch in fetching:
            fetch.cancel()
            await wait_until_done(fetch)
        await in_thread(self._folder.close)

    @asynccontextmanager
    async def copy(self, key: str, source: ObjectSource) -> AsyncIterator[Path]:
        """Yield the path of a copy, readable by this user only, that exists until the block ends.

        Concurrent callers share one fetch. A cached object is not fetched again.

        Args:
            key: key of the object.
            source: store to fetch it from.

        Raises:
            ObjectNotFoundError: the object does not exist.
            StorageUnavailableError: the object cannot be fetched.
            StorageFullError: the disk is full.
        """
        copy = self._copies.pop(key, None)
        # Another process that deletes an object removes its copies from this folder, too.
        if copy is None or (copy.fetching.done() and not copy.path.exists()):
            copy = _Copy(self._folder.path / f"{_name_prefix(key)}{next(self._numbers)}")
            copy.fetching = asyncio.ensure_future(self._fetch(key, copy, source))
        self._copies[key] = copy
        copy.users += 1
        try:
            await asyncio.shield(copy.fetching)
            yield copy.path
        finally:
            copy.users -= 1
            if not copy.users:
                await self._release(key, copy)

    async def discard(self, key: str) -> None:
        """Delete the copies of an object, including those of other processes on this machine.

        Callers that are reading a copy can read it to the end.
        """
        self._copies.pop(key, None)
        await in_thread(_remove_copies, self._parent, _name_prefix(key))

    async def discard_prefix(self, prefix: str) -> None:
        """Delete the copies of all objects in this cache whose keys begin with the prefix."""
        for key in [key for key in self._copies if key.startswith(prefix)]:
            await self.discard(key)

    async def _fetch(self, key: str, copy: _Copy, source: ObjectSource) -> None:
        try:
            copy.size = (await source.stat(key)).size
            await self._make_room()
            with disk_errors(f"write to {self._folder.path}"):
                file = await in_thread(create_file, copy.path)
            try:
                await write_stream(file, source.read(key))
            finally:
                with suppress(OSError):  # closing retries the write that failed on a full disk
                    file.close()
        except BaseException:
            if self._copies.get(key) is copy:
                del self._copies[key]
            await in_thread(copy.path.unlink, missing_ok=True)
            raise

    async def _release(self, key: str, copy: _Copy) -> None:
        """Release an unused copy: keep it if it is complete, current and within the size limit."""
        is_current = self._copies.get(key) is copy
        if not copy.fetching.done():
            if is_current:
                del self._copies[key]
            copy.fetching.cancel()
            await wait_until_done(copy.fetching)
        elif is_current:
            await self._make_room()
        else:
            await in_thread(copy.path.unlink, missing_ok=True)

    async def _make_room(self) -> None:
        evicted = []
        excess = sum(copy.size for copy in self._copies.values()) - self._limit
        for key, copy in list(self._copies.items()):
            if excess > 0 and not copy.users:
                del self._copies[key]
                excess -= copy.size
                evicted.append(copy.path)
        for path in evicted:
            await in_thread(path.unlink, missing_ok=True)


def _name_prefix(key: str) -> str:
    """Return the name prefix of an object's copies, which is the same in every process."""
    return f"{sha256(key.encode()).hexdigest()}-"


def _remove_copies(parent: Path, name: str) -> None:
    with disk_errors(f"clean up {parent}"):
        for folder in parent.glob(f"{PREVIEWS_PREFIX}*"):
            # An ending process removes its folder with all its files.
            with suppress(FileNotFoundError):
                for path in folder.glob(f"{name}*"):
                    path.unlink(missing_ok=True)
