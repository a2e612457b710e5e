"""Blocking calls in threads; a cancelled caller waits until its thread has ended."""

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
    """Run a blocking function in a thread of the event loop's default pool; see `in_executor`."""
    return await in_executor(None, partial(work, *args, **kwargs))


async def in_executor(
    executor: Executor | None,
    work: Callable[[], T],
    on_cancel: Callable[[], None] | None = None,
    max_wait_seconds: float | None = None,
) -> T:
    """Run a blocking function in a thread.

    A thread cannot be stopped, so a cancelled caller waits for its end. Resources that the caller closes next
    are then no longer in use. Otherwise another file might already have reused the closed descriptor.

    Args:
        executor: thread pool; None for the event loop's default pool.
        work: blocking function.
        on_cancel: called when the caller is cancelled, to end the work early.
        max_wait_seconds: maximum seconds that a cancelled caller waits; None for no limit. A limit is for
            work that may hang and uses no resource of the caller.

    Returns:
        The result of the function.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if on_cancel and not running.done():
            on_cancel()
        await wait_until_done(running, max_wait_seconds)
        raise


async def wait_until_done(future: asyncio.Future[T], max_wait_seconds: float | None = None) -> None:
    """Wait until a future is done, ignoring its result and any cancellation of the caller.

    Args:
        future: future to wait for.
        max_wait_seconds: maximum seconds to wait; None for no limit.
    """
    # Retrieve the exception, so that the event loop does not report it as never retrieved.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    end = None if max_wait_seconds is None else monotonic() + max_wait_seconds
    while not future.done():
        remaining = None if end is None else end - monotonic()
        if remaining is not None and remaining <= 0:
            return
        try:
            await asyncio.wait([future], timeout=remaining)
        except asyncio.CancelledError:
            continue
