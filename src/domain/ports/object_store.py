"""Port: the store of videos and results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Metadata of an object in the object store.

    Attributes:
        key: path in the store: letters, digits, ``.``, ``_``, ``-`` and ``/``.
        size: size in bytes.
        modified_at: UTC.
        version: version of the content, opaque; it differs after the object was replaced or altered.
    """

    key: str
    size: int
    modified_at: datetime
    version: str = ""


class ObjectStore(Protocol):
    """Store of videos and results. Objects are written atomically.

    Every method raises ``StorageUnavailableError`` if the store cannot be reached or refuses, and
    ``StorageFullError`` if it is full.
    """

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream of any length without holding it in memory; an existing object is replaced.

        Exceptions of the iterator are passed on; nothing is stored then.
        """
        ...

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a copy of a file."""
        ...

    def local_file(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Provide an object as a readable file within the block, fetched into ``scratch`` if necessary.

        Raises:
            ObjectNotFoundError: the object does not exist; raised on entering.
        """
        ...

    def cached_file(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Provide an object like ``local_file``, but keep the fetched file in a cache for repeated access.

        Deleted objects are removed from the cache, although a file that is open remains readable.

        Raises:
            ObjectNotFoundError: the object does not exist; raised on entering.
        """
        ...

    async def forget_copy(self, key: str) -> None:
        """Delete the copy of an object from the cache of ``cached_file``, because it is damaged."""
        ...

    def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes ``[start, stop)`` in chunks.

        Args:
            key: key of the object.
            start: offset of the first byte.
            stop: offset behind the last byte; None for the end of the object.
            version: version to read, as in `StoredObject`; every chunk is of this one. None for any.

        Raises:
            ObjectNotFoundError: the object does not exist, or is not of that version; raised with the first
                chunk, and with a later one if the object was altered meanwhile.
        """
        ...

    async def stat(self, key: str) -> StoredObject:
        """Return the metadata of an object.

        Raises:
            ObjectNotFoundError: the object does not exist.
        """
        ...

    async def remove(self, key: str) -> None:
        """Delete an object; a missing one is ignored."""
        ...

    async def remove_prefix(self, prefix: str) -> int:
        """Delete all objects whose key starts with ``prefix`` and return their number."""
        ...

    async def remove_partial(self, before: datetime) -> int:
        """Delete incomplete uploads left behind by killed processes and return their number.

        Args:
            before: only uploads last written to before this time; uploads in progress must be younger.
        """
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield all objects whose key starts with ``prefix``, in order of their keys."""
        ...

    async def presigned_get(self, key: str, filename: str, ttl: timedelta) -> str:
        """Return a temporary URL for downloading an object under a file name."""
        ...

    async def presigned_put(self, key: str, ttl: timedelta) -> str:
        """Return a temporary URL for uploading an object by HTTP PUT."""
        ...

    async def ping(self) -> None:
        """Check the connection."""
        ...
