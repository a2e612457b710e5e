"""Room for so many at a time; whoever is more urgent enters first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count


class PriorityGate:
    """A semaphore that lets the most urgent of those who wait in first, and the first come among equals.

    Args:
        room: how many may be inside.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._arrivals = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def enter(self, urgency: int) -> AsyncIterator[None]:
        """Be inside for the block; waits until there is room.

        Args:
            urgency: higher enters first.
        """
        await self._acquire(urgency)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, urgency: int) -> None:
        if self._room > 0:
            self._room -= 1
            return
        admitted = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-urgency, next(self._arrivals), admitted))
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                # Admitted and cancelled at the same moment: the place goes to the next.
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            _, _, admitted = heapq.heappop(self._waiting)
            if not admitted.done():
                admitted.set_result(None)
                return
        self._room += 1
