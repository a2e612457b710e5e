"""Hand-written stand-ins for `domain.ports.services`; the object store passes the contract suite."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

from adapters.storage.keys import require_key, require_prefix
from domain.anonymization.lifecycle import Priority
from domain.errors import (
    DomainError,
    FrameNotFoundError,
    NotAuthenticatedError,
    ObjectNotFoundError,
    QueueUnavailableError,
    StorageFullError,
    StorageUnavailableError,
    UnreadableVideoError,
)
from domain.ports.services import (
    ProbedVideo,
    RefreshToken,
    StoredObject,
    TokenPair,
    TokenSubject,
    WorkerInfo,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHUNK = 4


@dataclass
class FakeClock:
    """Stands still until it is told to go on."""

    time: datetime = NOON

    def now(self) -> datetime:
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by


@dataclass
class FakeObjectStore:
    """Keeps objects in memory.

    Attributes:
        objects: bytes by key.
        room: bytes that fit, over all objects.
        unavailable: whether every call fails, as with a store that is down.
        fetched: files that `local` has open at this moment.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    objects: dict[str, bytes] = field(default_factory=dict)
    room: int = 1 << 30
    unavailable: bool = False
    fetched: list[Path] = field(default_factory=list)
    _modified: dict[str, datetime] = field(default_factory=dict)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        require_key(key)
        self._check()
        data = b"".join([chunk async for chunk in chunks])
        others = sum(len(other) for name, other in self.objects.items() if name != key)
        if others + len(data) > self.room:
            raise StorageFullError("the fake store is full")
        self.objects[key] = data
        self._modified[key] = self.clock.now()
        return self._stored(key)

    async def put_file(self, key: str, path: Path) -> StoredObject:
        async def content() -> AsyncIterator[bytes]:
            yield path.read_bytes()  # noqa: ASYNC240 - a fake's files are tiny

        return await self.put(key, content())

    @asynccontextmanager
    async def local(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        path = scratch / f"{uuid4().hex}.part"
        path.write_bytes(self._bytes(key))
        self.fetched.append(path)
        try:
            yield path
        finally:
            self.fetched.remove(path)
            path.unlink()

    def kept(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        return self.local(key, scratch)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        data = self._bytes(key)[start:stop]
        for at in range(0, len(data), CHUNK):
            yield data[at : at + CHUNK]

    async def stat(self, key: str) -> StoredObject:
        self._bytes(key)
        return self._stored(key)

    async def remove(self, key: str) -> None:
        require_key(key)
        self._check()
        self.objects.pop(key, None)

    async def remove_all(self, prefix: str) -> int:
        doomed = [stored.key async for stored in self.list(prefix)]
        for key in doomed:
            del self.objects[key]
        return len(doomed)

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        require_prefix(prefix)
        self._check()
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield self._stored(key)

    async def presigned_get(self, key: str, filename: str, lasts: timedelta) -> str:
        return self._address(key, lasts, filename=filename)

    async def presigned_put(self, key: str, lasts: timedelta) -> str:
        return self._address(key, lasts)

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
        return StoredObject(key, len(self.objects[key]), modified)

    def _address(self, key: str, lasts: timedelta, **query: str) -> str:
        require_key(key)
        self._check()
        expires = int((self.clock.now() + lasts).timestamp())
        return f"https://objects.test/{key}?{urlencode({**query, 'expires': expires})}"


@dataclass
class FakeJobQueue:
    """Remembers what it was asked for.

    Attributes:
        written: every ticket in order.
        cleanups: calls of `clean_up`.
        known_workers: what `workers` answers.
        unavailable: whether every call fails, as without Redis.
    """

    written: list[tuple[UUID, Priority]] = field(default_factory=list)
    cleanups: int = 0
    known_workers: list[WorkerInfo] = field(default_factory=list)
    unavailable: bool = False

    async def call_for(self, request_id: UUID, priority: Priority) -> None:
        self._check()
        self.written.append((request_id, priority))

    async def tickets(self) -> Mapping[UUID, int]:
        self._check()
        return Counter(request_id for request_id, _ in self.written)

    async def clean_up(self) -> None:
        self._check()
        self.cleanups += 1

    async def workers(self) -> Sequence[WorkerInfo]:
        self._check()
        return tuple(self.known_workers)

    async def ping(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.unavailable:
            raise QueueUnavailableError("the fake queue is down", "wait until it is up again")


class FakeListener:
    """Hears what a `FakeProgressBoard` is told."""

    def __init__(self) -> None:
        self.news = asyncio.Event()

    async def changed(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                await self.news.wait()
        except TimeoutError:
            return False
        self.news.clear()
        return True


@dataclass
class FakeProgressBoard:
    """Tells listeners in this process.

    Attributes:
        announced: every call, in order.
        deaf: whether announcements get lost.
    """

    announced: list[UUID] = field(default_factory=list)
    deaf: bool = False
    listeners: list[tuple[UUID, FakeListener]] = field(default_factory=list)

    async def announce(self, request_id: UUID) -> None:
        self.announced.append(request_id)
        for wanted, listener in self.listeners:
            if wanted == request_id and not self.deaf:
                listener.news.set()

    @contextmanager
    def listen(self, request_id: UUID) -> Iterator[FakeListener]:
        entry = (request_id, FakeListener())
        self.listeners.append(entry)
        try:
            yield entry[1]
        finally:
            self.listeners.remove(entry)


@dataclass
class FakeAttemptLimiter:
    """Counts in memory, in a window that slides with the clock."""

    clock: FakeClock = field(default_factory=FakeClock)
    hits: dict[str, list[datetime]] = field(default_factory=dict)
    unavailable: bool = False

    async def hit(self, key: str, limit: int, window: timedelta) -> int:
        self._check()
        now = self.clock.now()
        recent = [time for time in self.hits.get(key, []) if time > now - window]
        self.hits[key] = recent
        if len(recent) < limit:
            recent.append(now)
            return 0
        oldest_that_counts = recent[-limit] if limit else now
        return max(1, ceil((oldest_that_counts + window - now).total_seconds()))

    async def give_back(self, key: str) -> None:
        self._check()
        if self.hits.get(key):
            self.hits[key].pop()

    async def forget(self, key: str) -> None:
        self._check()
        self.hits.pop(key, None)

    def _check(self) -> None:
        if self.unavailable:
            raise QueueUnavailableError("the fake limiter is down", "wait until it is up again")


@dataclass
class FakeCallLimiter:
    """Counts in memory, in a window that slides with the clock."""

    clock: FakeClock = field(default_factory=FakeClock)
    calls: dict[str, list[datetime]] = field(default_factory=dict)
    unavailable: bool = False

    async def admit(self, key: str, limit: int, window: timedelta) -> int:
        if self.unavailable:
            raise QueueUnavailableError("the fake limiter is down", "wait until it is up again")
        now = self.clock.now()
        recent = self.calls[key] = [time for time in self.calls.get(key, []) if time > now - window]
        if len(recent) < limit:
            recent.append(now)
            return 0
        opens = recent[-limit] if limit else now
        return max(1, ceil((opens + window - now).total_seconds()))


@dataclass
class FakePasswordHasher:
    """Marks passwords instead of hashing them.

    Attributes:
        wasted: calls of `verify_nothing`.
    """

    wasted: int = 0

    async def hash(self, password: str) -> str:
        return f"$fake${password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == f"$fake${password}"

    async def verify_nothing(self) -> None:
        self.wasted += 1


@dataclass
class FakeTokenIssuer:
    """Hands out readable tokens, ``access.7.0.1`` for the first of user 7 in generation 0.

    Attributes:
        issued: how many pairs.
        expired: tokens that are over.
    """

    issued: int = 0
    expired: set[str] = field(default_factory=set)

    def issue(self, user_id: int, generation: int) -> TokenPair:
        self.issued += 1
        rest = f"{user_id}.{generation}.{self.issued}"
        return TokenPair(f"access.{rest}", f"refresh.{rest}", 900)

    def verify_access(self, token: str) -> TokenSubject:
        return self._verify("access", token)

    def verify_refresh(self, token: str) -> RefreshToken:
        return RefreshToken(token, self._verify("refresh", token), NOON + timedelta(days=7))

    def _verify(self, kind: str, token: str) -> TokenSubject:
        match token.split("."):
            case [found, user_id, generation, _] if found == kind and token not in self.expired:
                return TokenSubject(int(user_id), int(generation))
        raise NotAuthenticatedError("the token is not valid", "sign in again")


FILM = ProbedVideo(
    width=640, height=360, frame_rate=25.0, frame_count=100, duration=4.0, rotation=0, frame_index=b"index"
)
NOT_A_VIDEO = b"not a video"


@dataclass
class FakeVideoProber:
    """Finds the same video in every file, except in empty ones and those that say ``not a video``.

    Attributes:
        video: what it finds.
        error: raised by every probe when set.
        probed: how many files it looked at.
    """

    video: ProbedVideo = FILM
    error: DomainError | None = None
    probed: int = 0

    def probe(self, path: Path) -> ProbedVideo:
        self.probed += 1
        if self.error:
            raise self.error
        if path.read_bytes() in {b"", NOT_A_VIDEO}:
            raise UnreadableVideoError("that is not a video", "choose another file")
        return self.video

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        if not 0 <= index < self.video.frame_count:
            raise FrameNotFoundError(f"the video has no frame {index}")
        return b"\xff\xd8%d@%d\xff\xd9" % (index, width or self.video.width)
