"""A stream of the event loop as the blocking file that a library reads in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO


class Feed:
    """Hands chunks from the event loop, where this is made, to the thread that reads.

    In memory are the bytes that are being read, once, and what is left of the last chunk.

    Args:
        chunks: read only as far as the thread asks.

    Attributes:
        error: what the chunks raised, if they did; it reaches the reading thread too.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.error: Exception | None = None
        self._chunks = chunks
        self._rest = memoryview(b"")
        self._loop = asyncio.get_running_loop()
        self._taking: asyncio.Task[bytes] | None = None
        self._stopped = False

    def read(self, size: int) -> bytes:
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
        # Gives its buffer away without a copy, unlike a join of chunks or a bytearray.
        block = BytesIO()
        missing = size - self._move(block, size)
        while missing and (chunk := await anext(self._chunks, None)) is not None:
            self._rest = memoryview(chunk)
            missing -= self._move(block, missing)
        return block.getvalue()

    def _move(self, block: BytesIO, most: int) -> int:
        """Move bytes from what is left of the last chunk; returns how many."""
        moved = block.write(self._rest[:most])
        self._rest = self._rest[moved:]
        return moved
