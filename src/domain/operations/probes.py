"""Questions about the servers behind the service, asked in a way that nobody is held up by the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, cast

from framecloak.domain.errors import DomainError
from framecloak.domain.ports.database import Database

PATIENCE = 2.0
"""Seconds that each check may take."""

REFRESH = 60.0
"""Seconds at least between two times that the use of storage is added up."""

_LOG = logging.getLogger(__name__)

Value = TypeVar("Value")


class Checks:
    """Asks each question once at a time, however many want to know, and for a limited time.

    A question that blocks in a thread cannot be stopped: it is left to itself, and not asked again before it
    has come to its end. So no more than one thread is ever lost to a server that hangs.
    """

    def __init__(self) -> None:
        self._asked: dict[str, asyncio.Task[Any]] = {}

    async def answer(self, name: str, question: Callable[[], Awaitable[Value]]) -> Value | None:
        """The answer, or None when it is an error or does not come in time.

        Args:
            name: of the question, for the log; who asks the same at the same time shares the answer.
            question: asks; may raise anything.
        """
        asked = self._asked.get(name) or self._ask(name, question)
        await asyncio.wait([asked], timeout=PATIENCE)
        if not asked.done() or asked.cancelled() or asked.exception():
            return None
        return cast("Value", asked.result())

    def _ask(self, name: str, question: Callable[[], Awaitable[Value]]) -> asyncio.Task[Value]:
        async def ask() -> Value:
            return await question()

        asked = asyncio.create_task(ask())
        self._asked[name] = asked
        limit = asyncio.get_running_loop().call_later(PATIENCE, partial(_give_up, name, asked))
        asked.add_done_callback(partial(self._ended, name, limit))
        return asked

    def _ended(self, name: str, limit: asyncio.TimerHandle, asked: asyncio.Task[Any]) -> None:
        limit.cancel()
        del self._asked[name]
        if not asked.cancelled() and (error := asked.exception()):
            _log_failure(name, error)


class StorageUse:
    """How much is stored: a figure that is added up in the background and never waited for.

    Args:
        database: knows the sizes of everything that is kept; to ask the object store would mean to list it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bytes: int | None = None
        self._next_look = 0.0
        self._looking: asyncio.Task[None] | None = None

    @property
    def known_bytes(self) -> int | None:
        """What videos and results took when that was last added up; None before."""
        return self._bytes

    def refresh(self) -> None:
        """Have it added up, unless that was done not long ago or is being done."""
        now = asyncio.get_running_loop().time()
        if now < self._next_look or (self._looking and not self._looking.done()):
            return
        self._next_look = now + REFRESH
        self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            async with self._database.unit_of_work() as work:
                self._bytes = await work.videos.stored_bytes() + await work.requests.result_bytes()
        except DomainError as error:
            _log_failure("the use of storage", error)


def _give_up(name: str, asked: asyncio.Task[Any]) -> None:
    _log_failure(name, TimeoutError(f"no answer within {PATIENCE:g} s"))
    asked.cancel()


def _log_failure(name: str, error: BaseException) -> None:
    reason = " ".join(str(error).split())
    _LOG.warning("the check of %s failed: %s: %s", name, type(error).__name__, reason)
