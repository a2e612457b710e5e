"""Completion of work despite cancelled callers and temporary outages of servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from framecloak.domain.errors import DatabaseUnavailableError, DomainError

Value = TypeVar("Value")

_RECANCEL_SECONDS = 0.5
"""Seconds after which a task that ignored its cancellation is cancelled again."""


async def run_to_completion(work: Awaitable[Value]) -> Value:
    """Run work to its end even if this task is cancelled meanwhile, and return its result.

    Raises:
        CancelledError: this task was cancelled; raised after the work has ended.
    """
    future = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not future.done():
        try:
            # Unlike awaiting the future, asyncio.wait does not cancel it when this task is cancelled.
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is None:
        return future.result()
    if not future.cancelled():
        # Retrieved, because asyncio logs exceptions that are never retrieved.
        future.exception()
    raise cancellation


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until all of them have ended, whatever their outcome.

    One cancellation is not always enough: a client library that converts its own timeout into an error can
    swallow a cancellation that arrives at the same moment. Use this only for tasks that may be cancelled at
    any point.
    """
    while unfinished := [task for task in tasks if not task.done()]:
        for task in unfinished:
            task.cancel()
        await asyncio.wait(unfinished, timeout=_RECANCEL_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Retries with exponential backoff while a server is unavailable.

    Attributes:
        total_seconds: seconds after which no further attempt is made.
        first_pause: seconds between the first two attempts; every further pause is twice as long.
        max_pause: maximum pause in seconds.
    """

    total_seconds: float = 120.0
    first_pause: float = 0.25
    max_pause: float = 10.0

    async def run(
        self,
        action: Callable[[], Awaitable[Value]],
        unavailable: type[DomainError] = DatabaseUnavailableError,
    ) -> Value:
        """Run an idempotent action until it succeeds or the time is over.

        Args:
            action: action to run.
            unavailable: error of the action that means that the server is unavailable.

        Raises:
            DomainError: ``unavailable``; the server is still unavailable.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.total_seconds
        pause = self.first_pause
        while True:
            try:
                return await action()
            except unavailable:
                if loop.time() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.max_pause)
