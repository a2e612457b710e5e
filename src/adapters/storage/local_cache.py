"""Copies of objects that are looked into again and again, on the disk of this machine."""

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
from framecloak.adapters.storage.process_folder import OwnFolder, sweep
from framecloak.adapters.storage.threads import in_thread, settled
from framecloak.domain.errors import StorageUnavailableError
from framecloak.domain.ports.services import StoredObject

PREVIEWS = "previews-"
"""What the names of the folders begin with that caches have for themselves."""


class Source(Protocol):
    """Where objects are fetched from; the part of `ObjectStore` that is needed."""

    async def stat(self, key: str) -> StoredObject:
        """What is there."""
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """All bytes in chunks."""
        ...


@dataclass(eq=False)
class _Copy:
    """A file that is there, or is being fetched.

    Attributes:
        path: used by no other copy, not even a later one of the same object.
        size: bytes that it takes or will take; 0 until that is known.
        users: callers that have it open or wait for it.
        fetching: ends when the file is complete.
    """

    path: Path
    size: int = 0
    users: int = 0
    fetching: asyncio.Future[None] = field(init=False)


class LocalCache:
    """Keeps copies in a folder of this process's own until others need the room.

    The folder goes when the cache is closed. That of a process that was killed goes when the next one begins,
    or with the next clean-up.

    Args:
        parent: where the folder is made; other processes may use the same.
        limit: bytes of all copies together. Those that are open may exceed it, for as long as they are.

    Raises:
        StorageUnavailableError: the folder cannot be made.
        StorageFullError: the disk is full.
    """

    def __init__(self, parent: Path, limit: int) -> None:
        self._parent = parent
        self._limit = limit
        self._numbers = count()
        self._copies: dict[str, _Copy] = {}
        """Used least recently first."""
        with suppress(StorageUnavailableError):  # clean-ups tell what cannot be removed
            sweep(parent, PREVIEWS)
        self._own = OwnFolder(parent, PREVIEWS)

    async def close(self) -> None:
        """Remove everything; nothing can be asked for afterwards."""
        fetching = [copy.fetching for copy in self._copies.values()]
        self._copies.clear()
        for one in fetching:
            one.cancel()
            await settled(one)
        await in_thread(self._own.close)

    @asynccontextmanager
    async def copy(self, key: str, source: Source) -> AsyncIterator[Path]:
        """A copy of an object, readable by this user only; it stays while the block lasts.

        However many want it at the same time, it is fetched once; and not at all while it is kept.

        Args:
            key: of the object.
            source: has it.

        Raises:
            ObjectNotFoundError: there is none.
            StorageUnavailableError: it cannot be fetched.
            StorageFullError: the disk is full.
        """
        copy = self._copies.pop(key, None)
        # Another process removes copies here too, of what it deletes.
        if copy is None or (copy.fetching.done() and not copy.path.exists()):
            copy = _Copy(self._own.path / f"{_name(key)}{next(self._numbers)}")
            copy.fetching = asyncio.ensure_future(self._fetch(key, copy, source))
        self._copies[key] = copy
        copy.users += 1
        try:
            await asyncio.shield(copy.fetching)
            yield copy.path
        finally:
            copy.users -= 1
            if not copy.users:
                await self._leave(key, copy)

    async def forget(self, key: str) -> None:
        """Remove the copies of an object, those of other processes on this machine among them.

        Who reads one at this moment reads it to the end.
        """
        self._copies.pop(key, None)
        await in_thread(_remove, self._parent, _name(key))

    async def forget_all(self, prefix: str) -> None:
        """Remove this process's copies of all objects whose keys begin so."""
        for key in [key for key in self._copies if key.startswith(prefix)]:
            await self.forget(key)

    async def _fetch(self, key: str, copy: _Copy, source: Source) -> None:
        try:
            copy.size = (await source.stat(key)).size
            await self._make_room()
            with disk_errors(f"write to {self._own.path}"):
                file = await in_thread(create_file, copy.path)
            try:
                await write_stream(file, source.read(key))
            finally:
                with suppress(OSError):  # what a full disk did not take is tried again, in vain
                    file.close()
        except BaseException:
            if self._copies.get(key) is copy:
                del self._copies[key]
            await in_thread(copy.path.unlink, missing_ok=True)
            raise

    async def _leave(self, key: str, copy: _Copy) -> None:
        """Nobody uses a copy any more: keep it if it is whole, wanted, and there is room."""
        kept = self._copies.get(key) is copy
        if not copy.fetching.done():
            if kept:
                del self._copies[key]
            copy.fetching.cancel()
            await settled(copy.fetching)
        elif kept:
            await self._make_room()
        else:
            await in_thread(copy.path.unlink, missing_ok=True)

    async def _make_room(self) -> None:
        doomed = []
        excess = sum(copy.size for copy in self._copies.values()) - self._limit
        for key, copy in list(self._copies.items()):
            if excess > 0 and not copy.users:
                del self._copies[key]
                excess -= copy.size
                doomed.append(copy.path)
        for path in doomed:
            await in_thread(path.unlink, missing_ok=True)


def _name(key: str) -> str:
    """What the names of an object's copies begin with, in every process."""
    return f"{sha256(key.encode()).hexdigest()}-"


def _remove(parent: Path, name: str) -> None:
    with disk_errors(f"clean up {parent}"):
        for folder in parent.glob(f"{PREVIEWS}*"):
            # A process that ends removes its folder, with all that is in it.
            with suppress(FileNotFoundError):
                for path in folder.glob(f"{name}*"):
                    path.unlink(missing_ok=True)
