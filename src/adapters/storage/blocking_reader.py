"""Adapter from an asynchronous stream to a blocking file that a library reads in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO


class ChunkReader:
    """Blocking reader of an asynchronous stream; create it in the event loop, read it in a thread.

    Memory holds one copy of the bytes being read, and the remainder of the last chunk.

    Args:
        chunks: stream of bytes, consumed on demand.

    Attributes:
        error: exception raised by the stream, or None; the reading thread receives it, too.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.error: Exception | None = None
        self._chunks = chunks
        self._remainder = memoryview(b"")
        self._loop = asyncio.get_running_loop()
        self._reading: asyncio.Task[bytes] | None = None
        self._stopped = False

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the stream; call it in the thread.

        Raises:
            CancelledError: the reader was stopped; the class of `concurrent.futures`.
        """
        return asyncio.run_coroutine_threadsafe(self._read_in_loop(size), self._loop).result()

    def stop(self) -> None:
        """Make the current and all later reads fail; call it in the event loop."""
        self._stopped = True
        if self._reading:
            self._reading.cancel()

    async def _read_in_loop(self, size: int) -> bytes:
        if self._stopped:
            raise asyncio.CancelledError
        self._reading = asyncio.current_task()
        try:
            return await self._collect(size)
        except Exception as error:
            self.error = error
            raise
        finally:
            self._reading = None

    async def _collect(self, size: int) -> bytes:
        # BytesIO returns its buffer without a copy, unlike joined chunks or a bytearray.
        block = BytesIO()
        missing = size - self._move(block, size)
        while missing and (chunk := await anext(self._chunks, None)) is not None:
            self._remainder = memoryview(chunk)
            missing -= self._move(block, missing)
        return block.getvalue()

    def _move(self, block: BytesIO, limit: int) -> int:
        """Move up to ``limit`` bytes from the remainder of the last chunk; return the number moved."""
        moved = block.write(self._remainder[:limit])
        self._remainder = self._remainder[moved:]
        return moved
