"""An object store in memory; it passes the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from fakes.clock import FakeClock
from framecloak.adapters.storage.object_keys import require_key, require_prefix
from framecloak.domain.errors import ObjectNotFoundError, StorageFullError, StorageUnavailableError
from framecloak.domain.ports.object_store import StoredObject

CHUNK = 4


@dataclass
class FakeObjectStore:
    """Keeps objects in memory.

    Attributes:
        objects: bytes by key.
        room: capacity in bytes, over all objects.
        unavailable: whether every call fails, as with a store that is down.
        fetched: files that `local_file` has open at this moment.
        forgotten: keys whose copies were discarded as damaged.
        partial: start times of uploads whose process was killed.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    objects: dict[str, bytes] = field(default_factory=dict)
    room: int = 1 << 30
    unavailable: bool = False
    fetched: list[Path] = field(default_factory=list)
    partial: list[datetime] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    _modified: dict[str, datetime] = field(default_factory=dict)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        require_key(key)
        self._check()
        data = b"".join([chunk async for chunk in chunks])
        other_bytes = sum(len(other) for name, other in self.objects.items() if name != key)
        if other_bytes + len(data) > self.room:
            raise StorageFullError("the fake store is full")
        self.objects[key] = data
        self._modified[key] = self.clock.now()
        return self._stored(key)

    async def put_file(self, key: str, path: Path) -> StoredObject:
        async def content() -> AsyncIterator[bytes]:
            yield path.read_bytes()  # noqa: ASYNC240 - a fake's files are tiny

        return await self.put(key, content())

    @asynccontextmanager
    async def local_file(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        path = scratch / f"{uuid4().hex}.part"
        path.write_bytes(self._bytes(key))
        self.fetched.append(path)
        try:
            yield path
        finally:
            self.fetched.remove(path)
            path.unlink()

    def cached_file(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        return self.local_file(key, scratch)

    async def forget_copy(self, key: str) -> None:
        self.forgotten.append(key)

    async def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        data = self._bytes(key)[start:stop]
        if version not in {None, self._stored(key).version}:
            raise ObjectNotFoundError(f"{key} was replaced meanwhile")
        for start_index in range(0, len(data), CHUNK):
            yield data[start_index : start_index + CHUNK]

    async def stat(self, key: str) -> StoredObject:
        self._bytes(key)
        return self._stored(key)

    async def remove(self, key: str) -> None:
        require_key(key)
        self._check()
        self.objects.pop(key, None)

    async def remove_prefix(self, prefix: str) -> int:
        keys = [stored.key async for stored in self.list(prefix)]
        for key in keys:
            del self.objects[key]
        return len(keys)

    async def remove_partial(self, before: datetime) -> int:
        self._check()
        remaining = [begun for begun in self.partial if begun >= before]
        removed = len(self.partial) - len(remaining)
        self.partial[:] = remaining
        return removed

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        require_prefix(prefix)
        self._check()
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield self._stored(key)

    async def presigned_get(self, key: str, filename: str, ttl: timedelta) -> str:
        return self._address(key, ttl, filename=filename)

    async def presigned_put(self, key: str, ttl: timedelta) -> str:
        return self._address(key, ttl)

    async def ping(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.unavailable:
            raise StorageUnavailableError("the fake store is down", "wait until it is up again")

    def _bytes(self, key: str) -> bytes:
        require_key(key)
        self._check()
        if key not in self.objects:
            raise ObjectNotFoundError(f"there is no object {key}")
        return self.objects[key]

    def _stored(self, key: str) -> StoredObject:
        modified = self._modified.get(key, self.clock.now())
        version = sha256(self.objects[key]).hexdigest()
        return StoredObject(key, len(self.objects[key]), modified, version)

    def _address(self, key: str, ttl: timedelta, **query: str) -> str:
        require_key(key)
        self._check()
        expires = int((self.clock.now() + ttl).timestamp())
        return f"https://objects.test/{key}?{urlencode({**query, 'expires': expires})}"
