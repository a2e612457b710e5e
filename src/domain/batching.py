"""One call for what several callers ask at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from domain.errors import DomainError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Puts items of concurrent callers into common calls, one call at a time.

    Nobody waits for a batch to fill: an idle batcher calls at once, and what comes in meanwhile is the next
    batch. Items of callers who went away are dropped unless their call has begun. It belongs to one event
    loop.

    Args:
        call: answers for items, in their order. What it raises is raised to all whose items it had.
        largest: items that one call may have.
        most_waiting: items that may wait behind the call that runs.
        full: the error for whoever comes when more do.
    """

    def __init__(
        self,
        call: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        largest: int,
        most_waiting: int,
        full: Callable[[], DomainError],
    ) -> None:
        self._call = call
        self._largest = largest
        self._most_waiting = most_waiting
        self._full = full
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._work: asyncio.Task[None] | None = None

    async def ask(self, items: Sequence[Item]) -> list[Answer]:
        """The answers for some items, in their order.

        Raises:
            DomainError: too many items wait already; or what the call raises.
        """
        self._forget_who_left()
        if self._waiting and len(self._waiting) + len(items) > self._most_waiting:
            raise self._full()
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Answer]] = [loop.create_future() for _ in items]
        self._waiting.extend(zip(items, answers, strict=True))
        if self._work is None and self._waiting:
            self._work = asyncio.create_task(self._work_off())
        try:
            return list(await asyncio.gather(*answers))
        finally:
            for answer in answers:
                answer.cancel()

    async def close(self) -> None:
        """Drop what waits, and wait for the call that runs."""
        for _, answer in self._waiting:
            answer.cancel()
        if self._work is not None:
            await asyncio.wait([self._work])

    async def _work_off(self) -> None:
        try:
            while batch := self._next_batch():
                await self._answer(batch)
        finally:
            self._work = None

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._call([item for item, _ in batch])
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        finally:
            for _, waiting in batch:
                waiting.cancel()

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        self._forget_who_left()
        return [self._waiting.popleft() for _ in range(min(self._largest, len(self._waiting)))]

    def _forget_who_left(self) -> None:
        if any(answer.done() for _, answer in self._waiting):
            self._waiting = deque((item, answer) for item, answer in self._waiting if not answer.done())
