"""Threads for calls of models, as many as the machine has use for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Queue(Protocol):
    """Work of one kind that waits for lanes."""

    @property
    def urgent(self) -> bool:
        """Whether nothing is gained by waiting any longer."""
        ...

    def start(self) -> None:
        """Run what waits, as far as lanes are free."""
        ...


class Lanes:
    """A number of threads that kinds of work share; it belongs to one event loop.

    Threads of its own for each kind of work would be too many: they would take the cores, and Python's lock,
    from each other. When a lane is free, what is urgent goes first, then what joined first.

    Args:
        count: calls at the same time.
        name: of the threads.
    """

    def __init__(self, count: int, name: str) -> None:
        self.count = count
        self._busy = 0
        self._pool = ThreadPoolExecutor(count, name)
        self._queues: list[Queue] = []

    @property
    def free(self) -> int:
        """Lanes that nothing runs in."""
        return self.count - self._busy

    def join(self, queue: Queue) -> None:
        """Have a queue started whenever a lane has become free."""
        self._queues.append(queue)

    def run(
        self, work: Callable[[Sequence[Item]], Outcome], items: Sequence[Item]
    ) -> asyncio.Future[Outcome]:
        """Run something in a free lane."""
        self._busy += 1
        return asyncio.get_running_loop().run_in_executor(self._pool, work, items)

    def leave(self) -> None:
        """Say that what ``run`` began has ended."""
        self._busy -= 1
        for queue in sorted(self._queues, key=lambda queue: not queue.urgent):
            queue.start()

    def close(self) -> None:
        """Stop the threads, after what they are at."""
        self._queues.clear()
        self._pool.shutdown()
