"""Progress announcements over Redis Pub/Sub: two channels, with one subscription each per process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context
from types import TracebackType
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from framecloak.adapters.redis.connection import RedisAdapter
from framecloak.domain.support.resilience import cancel_and_wait

logger = logging.getLogger(__name__)

CHANNEL = "framecloak:progress"
CANCELLATION_CHANNEL = "framecloak:cancellations"

MIN_RECONNECT_SECONDS, MAX_RECONNECT_SECONDS = 0.2, 5.0
"""Delays in seconds before reconnecting: the first, doubled each time up to the second."""

_POLL_SECONDS = 1.0
"""Time in seconds that one poll waits for a message."""


class RedisListener:
    """Listener for changes of one request; see the port."""

    def __init__(self) -> None:
        self._change = asyncio.Event()

    def notify(self) -> None:
        """Notify the listener of a change."""
        self._change.set()

    async def wait_for_change(self, max_wait_seconds: float) -> bool:
        """See the port."""
        try:
            async with asyncio.timeout(max_wait_seconds):
                await self._change.wait()
        except TimeoutError:
            return False
        self._change.clear()
        return True


class _Subscription:
    """Subscription to one channel that all its listeners in this process share.

    The first listener opens it. Each listener costs one event object, and an announcement wakes only the
    listeners of its request.

    Args:
        redis: client of the server.
        channel: name of the channel, whose messages are 16 bytes: the id of a request.
    """

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._listeners: dict[UUID, set[RedisListener]] = defaultdict(set)
        self._receiver: asyncio.Task[None] | None = None

    @property
    def listened_to(self) -> frozenset[UUID]:
        """Requests that have listeners."""
        return frozenset(self._listeners)

    async def close(self) -> None:
        """End the subscription."""
        if self._receiver:
            await cancel_and_wait(self._receiver)

    async def announce(self, request_id: UUID) -> None:
        """Notify the listeners of a request; never raises."""
        try:
            await self._redis.publish(self._channel, request_id.bytes)
        except (RedisError, OSError) as error:
            logger.debug("cannot announce a change of %s: %s", request_id, error)

    @contextmanager
    def listen(self, request_id: UUID) -> Iterator[RedisListener]:
        """Subscribe to a request within the block."""
        if self._receiver is None:
            # Serves all requests: in the context of the first, all its log lines would name that one.
            self._receiver = asyncio.create_task(self._receive(), context=Context())
        listener = RedisListener()
        self._listeners[request_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[request_id].discard(listener)
            if not self._listeners[request_id]:
                del self._listeners[request_id]

    async def _receive(self) -> None:
        """Forward announcements to listeners, and reconnect when the connection is lost."""
        pause = MIN_RECONNECT_SECONDS
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(self._channel)
                    # Announcements may have been missed while disconnected, so all listeners are notified.
                    self._notify(*self._listeners)
                    pause = MIN_RECONNECT_SECONDS
                    while True:
                        message = await channel.get_message(timeout=_POLL_SECONDS)
                        if message is not None:
                            self._notify(UUID(bytes=message["data"]))
            except (RedisError, OSError, ValueError) as error:
                logger.warning("cannot receive progress announcements (%s); retrying in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(MAX_RECONNECT_SECONDS, 2 * pause)

    def _notify(self, *request_ids: UUID) -> None:
        for request_id in request_ids:
            for listener in self._listeners.get(request_id, ()):
                listener.notify()


class RedisProgressBoard(RedisAdapter):
    """Progress board on Redis Pub/Sub; see `domain.ports.progress.ProgressBoard`.

    Cancellations have a channel of their own: a worker that listened for them on the other would receive the
    progress of every request of the installation.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._progress = _Subscription(self._redis, CHANNEL)
        self._cancellations = _Subscription(self._redis, CANCELLATION_CHANNEL)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._progress.close()
        await self._cancellations.close()
        await super().__aexit__(kind, error, trace)

    @property
    def listened_to(self) -> frozenset[UUID]:
        """Requests that have listeners in this process."""
        return self._progress.listened_to | self._cancellations.listened_to

    async def announce(self, request_id: UUID) -> None:
        """See the port."""
        await self._progress.announce(request_id)

    def listen(self, request_id: UUID) -> AbstractContextManager[RedisListener]:
        """See the port."""
        return self._progress.listen(request_id)

    async def announce_cancellation(self, request_id: UUID) -> None:
        """See the port."""
        await self._cancellations.announce(request_id)
        await self._progress.announce(request_id)

    def listen_for_cancellation(self, request_id: UUID) -> AbstractContextManager[RedisListener]:
        """See the port."""
        return self._cancellations.listen(request_id)
