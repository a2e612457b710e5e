"""Blocking work off the event loop, in a way that a cancelled caller leaves nothing running behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that blocks in a thread of the loop's own pool; see `in_executor`."""
    return await in_executor(None, partial(work, *args, **kwargs))


async def in_executor(
    executor: Executor | None, work: Callable[[], T], on_cancel: Callable[[], None] | None = None
) -> T:
    """Call something that blocks in a thread.

    A thread cannot be stopped. A caller that is cancelled therefore waits for it, so that what the
    caller closes next (a file, a connection) is not in use any more: the number of a closed file may
    belong to another one the moment after.

    Args:
        executor: whose thread; None for the loop's own pool.
        work: what blocks.
        on_cancel: called when the caller is cancelled, to make the work end early.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if on_cancel and not running.done():
            on_cancel()
        await settled(running)
        raise


async def settled(running: asyncio.Future[T]) -> None:
    """Wait for the end of something, however it ends, even when told again not to wait."""
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue
    if not running.cancelled():
        running.exception()  # looked at, so that the loop does not report it as overlooked
