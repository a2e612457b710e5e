"""How to bring something to its end although callers go away and servers are down for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from framecloak.domain.errors import DatabaseUnavailableError, DomainError

Value = TypeVar("Value")

_ASK_AGAIN = 0.5
"""Seconds after which a task that was cancelled and goes on is cancelled again."""


async def uninterrupted(work: Awaitable[Value]) -> Value:
    """What the work gives. However often this task is cancelled meanwhile, the work is done first.

    Raises:
        CancelledError: this task was cancelled; the work came to its end before.
    """
    future = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not future.done():
        try:
            # Unlike awaiting the future itself, waiting for it does not cancel it.
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return future.result()
    if not future.cancelled():
        # Looked at, or asyncio would log it as never retrieved.
        future.exception()
    raise cancellation


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have come to their end, whatever that is.

    Once is not always enough: a client library that turns a time-out of its own into an error can swallow a
    cancellation that comes at the same moment. So this is for tasks that may be cancelled at any point.
    """
    while unfinished := [task for task in tasks if not task.done()]:
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished, timeout=_ASK_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Tries again, ever more slowly, while a server is away.

    Attributes:
        lasts: seconds after which no new try is made.
        first_pause: seconds between the first two tries; each pause is twice as long as the one before.
        longest_pause: seconds that no pause exceeds.
    """

    lasts: float = 120.0
    first_pause: float = 0.25
    longest_pause: float = 10.0

    async def run(
        self,
        action: Callable[[], Awaitable[Value]],
        unavailable: type[DomainError] = DatabaseUnavailableError,
    ) -> Value:
        """Do something that may be done twice.

        Args:
            action: does it.
            unavailable: the error that says that the server is away.

        Raises:
            DomainError: that one; the server is still away.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.lasts
        pause = self.first_pause
        while True:
            try:
                return await action()
            except unavailable:
                if loop.time() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.longest_pause)
