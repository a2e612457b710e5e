"""The job queue, the progress board and the limiters, in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from fakes.clock import FakeClock
from framecloak.domain.anonymization.model.request import Priority
from framecloak.domain.errors import QueueUnavailableError
from framecloak.domain.ports.queue import WorkerInfo


@dataclass
class FakeJobQueue:
    """Remembers the calls.

    Attributes:
        written: every wake-up in order.
        cleanups: calls of `request_cleanup`.
        known_workers: result of `workers`.
        unavailable: whether every call fails, as without Redis.
    """

    written: list[tuple[UUID, Priority]] = field(default_factory=list)
    cleanups: int = 0
    known_workers: list[WorkerInfo] = field(default_factory=list)
    unavailable: bool = False

    async def wake_workers(self, request_id: UUID, priority: Priority) -> None:
        self._check()
        self.written.append((request_id, priority))

    async def wakeup_counts(self) -> Mapping[Priority, int]:
        self._check()
        return Counter(priority for _, priority in self.written)

    async def wakeups(self) -> Mapping[UUID, int]:
        self._check()
        return Counter(request_id for request_id, _ in self.written)

    async def request_cleanup(self) -> None:
        self._check()
        self.cleanups += 1

    async def worker_count(self) -> int:
        self._check()
        return len(self.known_workers)

    async def workers(self) -> Sequence[WorkerInfo]:
        self._check()
        return tuple(self.known_workers)

    async def ping(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.unavailable:
            raise QueueUnavailableError("the fake queue is down", "wait until it is up again")


class FakeListener:
    """Receives the announcements of a `FakeProgressBoard`."""

    def __init__(self) -> None:
        self.news = asyncio.Event()

    async def wait_for_change(self, max_wait_seconds: float) -> bool:
        try:
            async with asyncio.timeout(max_wait_seconds):
                await self.news.wait()
        except TimeoutError:
            return False
        self.news.clear()
        return True


@dataclass
class FakeProgressBoard:
    """Notifies listeners in this process.

    Attributes:
        announced: every call, in order.
        drops_announcements: whether announcements get lost.
    """

    announced: list[UUID] = field(default_factory=list)
    drops_announcements: bool = False
    listeners: list[tuple[UUID, FakeListener]] = field(default_factory=list)
    cancellation_listeners: list[tuple[UUID, FakeListener]] = field(default_factory=list)

    async def announce(self, request_id: UUID) -> None:
        self.announced.append(request_id)
        self._notify(self.listeners, request_id)

    def listen(self, request_id: UUID) -> AbstractContextManager[FakeListener]:
        return _listening(self.listeners, request_id)

    async def announce_cancellation(self, request_id: UUID) -> None:
        self._notify(self.cancellation_listeners, request_id)
        await self.announce(request_id)

    def listen_for_cancellation(self, request_id: UUID) -> AbstractContextManager[FakeListener]:
        return _listening(self.cancellation_listeners, request_id)

    def _notify(self, listeners: Sequence[tuple[UUID, FakeListener]], request_id: UUID) -> None:
        for listened_id, listener in listeners:
            if listened_id == request_id and not self.drops_announcements:
                listener.news.set()


@contextmanager
def _listening(listeners: list[tuple[UUID, FakeListener]], request_id: UUID) -> Iterator[FakeListener]:
    entry = (request_id, FakeListener())
    listeners.append(entry)
    try:
        yield entry[1]
    finally:
        listeners.remove(entry)


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

    async def reset(self, key: str) -> None:
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
