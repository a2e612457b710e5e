"""Probes of the servers behind the service, with a timeout, so that no caller waits for a hanging server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, cast

from framecloak.domain.errors import DomainError
from framecloak.domain.ports.database import Database

TIMEOUT_SECONDS = 2.0
"""Timeout of each probe in seconds."""

REFRESH_INTERVAL_SECONDS = 60.0
"""Minimum time in seconds between two computations of the stored size."""

_LOG = logging.getLogger(__name__)

Value = TypeVar("Value")


class Probes:
    """Runner of probes with a timeout; concurrent callers share one run of a probe.

    A probe that blocks in a thread cannot be stopped. It is left running, and not started again until it has
    ended, so a hanging server never occupies more than one thread per probe.
    """

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def result(self, name: str, probe: Callable[[], Awaitable[Value]]) -> Value | None:
        """Return the result of a probe; None if it raises or does not finish in time.

        Args:
            name: name of the probe, for logs; concurrent calls with the same name share one run.
            probe: the probe; may raise anything.
        """
        task = self._running.get(name) or self._start(name, probe)
        await asyncio.wait([task], timeout=TIMEOUT_SECONDS)
        if not task.done() or task.cancelled() or task.exception():
            return None
        return cast("Value", task.result())

    def _start(self, name: str, probe: Callable[[], Awaitable[Value]]) -> asyncio.Task[Value]:
        async def ask() -> Value:
            return await probe()

        task = asyncio.create_task(ask())
        self._running[name] = task
        limit = asyncio.get_running_loop().call_later(TIMEOUT_SECONDS, partial(_time_out, name, task))
        task.add_done_callback(partial(self._finish, name, limit))
        return task

    def _finish(self, name: str, timer: asyncio.TimerHandle, task: asyncio.Task[Any]) -> None:
        timer.cancel()
        del self._running[name]
        if not task.cancelled() and (error := task.exception()):
            _log_failure(name, error)


class StoredSize:
    """Size of everything stored, computed in the background; callers never wait for it.

    Args:
        database: database with the sizes of all stored objects; the object store would have to list them.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bytes: int | None = None
        self._next_refresh = 0.0
        self._refreshing: asyncio.Task[None] | None = None

    @property
    def known_bytes(self) -> int | None:
        """Latest known size of all videos and results in bytes; None before the first result."""
        return self._bytes

    def refresh(self) -> None:
        """Start a computation, unless one is running or the last one was recent."""
        now = asyncio.get_running_loop().time()
        if now < self._next_refresh or (self._refreshing and not self._refreshing.done()):
            return
        self._next_refresh = now + REFRESH_INTERVAL_SECONDS
        self._refreshing = asyncio.create_task(self._compute())

    async def _compute(self) -> None:
        try:
            async with self._database.unit_of_work() as work:
                self._bytes = await work.videos.stored_bytes() + await work.statistics.result_bytes()
        except DomainError as error:
            _log_failure("the use of storage", error)


def _time_out(name: str, task: asyncio.Task[Any]) -> None:
    _log_failure(name, TimeoutError(f"no answer within {TIMEOUT_SECONDS:g} s"))
    task.cancel()


def _log_failure(name: str, error: BaseException) -> None:
    reason = " ".join(str(error).split())
    _LOG.warning("the check of %s failed: %s: %s", name, type(error).__name__, reason)
