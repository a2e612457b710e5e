"""Announcements over Redis's publish and subscribe: one channel, and one connection for each process."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from uuid import UUID

from redis.exceptions import RedisError

from framecloak.adapters.redis.connection import RedisAdapter
from framecloak.domain.support.resilience import ended

logger = logging.getLogger(__name__)

CHANNEL = "framecloak:progress"

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds until a lost connection is made again; twice as long each time."""

_SILENCE = 1.0
"""Seconds that one look for messages waits."""


class RedisListener:
    """One who listens; see the port."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        self._news.set()

    async def changed(self, patience: float) -> bool:
        """See the port."""
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class RedisProgressBoard(RedisAdapter):
    """Announces and listens; see `framecloak.domain.ports.services.ProgressBoard`.

    The connection that listens is made when somebody listens for the first time. Thousands of listeners cost
    an event each, and an announcement wakes those of its request alone.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._listeners: dict[UUID, set[RedisListener]] = defaultdict(set)
        self._hearing: asyncio.Task[None] | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._hearing:
            await ended(self._hearing)
        await super().__aexit__(kind, error, trace)

    async def announce(self, request_id: UUID) -> None:
        """See the port."""
        try:
            await self._redis.publish(CHANNEL, request_id.bytes)
        except (RedisError, OSError) as error:
            logger.debug("nobody heard of %s: %s", request_id, error)

    @contextmanager
    def listen(self, request_id: UUID) -> Iterator[RedisListener]:
        """See the port."""
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())
        listener = RedisListener()
        self._listeners[request_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[request_id].discard(listener)
            if not self._listeners[request_id]:
                del self._listeners[request_id]

    async def _hear(self) -> None:
        """Pass announcements on, and connect again when the connection is lost."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    # What was announced while nobody heard it is unknown, so everybody looks.
                    self._tell(*self._listeners)
                    pause = FIRST_PAUSE
                    while True:
                        message = await channel.get_message(timeout=_SILENCE)
                        if message is not None:
                            self._tell(UUID(bytes=message["data"]))
            except (RedisError, OSError, ValueError) as error:
                logger.warning("cannot hear of progress (%s); trying again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _tell(self, *request_ids: UUID) -> None:
        for request_id in request_ids:
            for listener in self._listeners.get(request_id, ()):
                listener.tell()
