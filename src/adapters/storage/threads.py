"""Blocking work off the event loop, in a way that a cancelled caller leaves nothing running behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from time import monotonic
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call something that blocks in a thread of the loop's own pool; see `in_executor`."""
    return await in_executor(None, partial(work, *args, **kwargs))


async def in_executor(
    executor: Executor | None,
    work: Callable[[], T],
    on_cancel: Callable[[], None] | None = None,
    patience: float | None = None,
) -> T:
    """Call something that blocks in a thread.

    A thread cannot be stopped. A caller that is cancelled therefore waits for it, so that what the
    caller closes next (a file, a connection) is not in use any more: the number of a closed file may
    belong to another one the moment after.

    Args:
        executor: whose thread; None for the loop's own pool.
        work: what blocks.
        on_cancel: called when the caller is cancelled, to make the work end early.
        patience: seconds that a cancelled caller waits at most, for work that uses nothing of the caller's
            and may hang; None for as long as it takes.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if on_cancel and not running.done():
            on_cancel()
        await settled(running, patience)
        raise


async def settled(running: asyncio.Future[T], patience: float | None = None) -> None:
    """Wait for the end of something, however it ends, even when told again not to wait.

    Args:
        running: what is waited for.
        patience: seconds to wait at most; None for as long as it takes.
    """
    # Looked at in any case, so that the loop does not report it as overlooked.
    running.add_done_callback(lambda done: done.cancelled() or done.exception())
    end = None if patience is None else monotonic() + patience
    while not running.done():
        left = None if end is None else end - monotonic()
        if left is not None and left <= 0:
            return
        try:
            await asyncio.wait([running], timeout=left)
        except asyncio.CancelledError:
            continue
