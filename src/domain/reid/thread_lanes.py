"""Threads for model calls, shared by several queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class LaneQueue(Protocol):
    """Queue of work of one kind that runs in lanes."""

    @property
    def urgent(self) -> bool:
        """True if the work gains nothing by waiting any longer."""
        ...

    def start(self) -> None:
        """Start waiting work in the free lanes."""
        ...


class ThreadLanes:
    """Fixed number of threads shared by several queues. An instance belongs to one event loop.

    Separate threads for each kind of work would compete for the cores and for Python's global lock. When a
    lane becomes free, urgent queues are started first, then the others in the order of joining.

    Args:
        count: number of threads.
        name: prefix of the thread names.
    """

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self._busy = 0
        self._pool = ThreadPoolExecutor(count, name)
        self._queues: list[LaneQueue] = []

    @property
    def free(self) -> int:
        """Number of idle lanes."""
        return self.count - self._busy

    def register(self, queue: LaneQueue) -> None:
        """Register a queue to be started whenever a lane becomes free."""
        self._queues.append(queue)

    def run(
        self, work: Callable[[Sequence[Item]], Outcome], items: Sequence[Item]
    ) -> asyncio.Future[Outcome]:
        """Run a call in a free lane."""
        self._busy += 1
        return asyncio.get_running_loop().run_in_executor(self._pool, work, items)

    def release(self) -> None:
        """Release the lane of a call started by ``run``, and start waiting work."""
        self._busy -= 1
        for queue in sorted(self._queues, key=lambda queue: not queue.urgent):
            queue.start()

    def close(self) -> None:
        """Finish running calls and stop the threads."""
        self._queues.clear()
        self._pool.shutdown()
