"""Budget of memory shared by concurrent tasks of known size."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class MemoryBudget:
    """Budget that lets tasks start in the order of their arrival, while their memory fits.

    A task larger than the whole budget runs alone.

    Args:
        limit_bytes: memory of all running tasks.
        slots: maximum number of running tasks.
    """

    def __init__(self, limit_bytes: int, slots: int) -> None:
        self._limit = limit_bytes
        self._slots = slots
        self._used = 0
        self._running = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def reserve(self, size_bytes: int) -> AsyncIterator[None]:
        """Reserve memory while the block runs; wait until it is available.

        Args:
            size_bytes: memory that the block needs at most.
        """
        size = min(size_bytes, self._limit)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._start_next()
        try:
            await turn
        except asyncio.CancelledError:
            if (size, turn) in self._waiting:
                self._waiting.remove((size, turn))
                self._start_next()
            elif not turn.cancelled():
                self._release(size)
            raise
        try:
            yield
        finally:
            self._release(size)

    def _release(self, size: int) -> None:
        self._used -= size
        self._running -= 1
        self._start_next()

    def _start_next(self) -> None:
        while self._waiting and self._running < self._slots:
            size, turn = self._waiting[0]
            if self._used + size > self._limit:
                return
            self._waiting.popleft()
            if turn.cancelled():  # its task is about to leave
                continue
            self._used += size
            self._running += 1
            turn.set_result(None)
