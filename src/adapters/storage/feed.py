"""A stream of the event loop as the blocking file that a library reads in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class Feed:
    """Hands chunks from the event loop, where this is made, to the thread that reads.

    Args:
        chunks: read only as far as the thread asks.

    Attributes:
        error: what the chunks raised, if they did; it reaches the reading thread too.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.error: Exception | None = None
        self._chunks = chunks
        self._rest = b""
        self._loop = asyncio.get_running_loop()
        self._taking: asyncio.Task[bytes] | None = None
        self._stopped = False

    def read(self, size: int = -1) -> bytes:
        """As many bytes as asked for; fewer only at the end. Called by the thread.

        Raises:
            CancelledError: of `concurrent.futures`; the feed was stopped.
        """
        return asyncio.run_coroutine_threadsafe(self._take(size), self._loop).result()

    def stop(self) -> None:
        """Have the thread's current and next reads fail. Called by the event loop."""
        self._stopped = True
        if self._taking:
            self._taking.cancel()

    async def _take(self, size: int) -> bytes:
        if self._stopped:
            raise asyncio.CancelledError
        self._taking = asyncio.current_task()
        try:
            return await self._gather(size)
        except Exception as error:
            self.error = error
            raise
        finally:
            self._taking = None

    async def _gather(self, size: int) -> bytes:
        held, length = [self._rest], len(self._rest)
        while length < size and (chunk := await anext(self._chunks, None)) is not None:
            held.append(chunk)
            length += len(chunk)
        joined = b"".join(held)
        self._rest = joined[size:]
        return joined[:size]
