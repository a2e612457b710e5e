"""Where a worker does slices: one after the other, and it tidies up while the next is being made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from framecloak.domain.anonymization.model.slices import Lease
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.work.active_lease import WorkerStuckError
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.runtime.logs import bound

logger = logging.getLogger(__name__)

PAUSE_AFTER_TROUBLE = 1.0
"""Seconds before a worker goes on when a server was away."""


class Desk:
    """Does slices until there are none.

    All cores work on one slice. Once it counts as finished, its lease has to be let go and its files have to
    be deleted, which needs hardly any of them: meanwhile the next one is begun. A worker that dies takes
    no more than one slice with it.

    Args:
        slices: does them.
        dispatcher: says what is next.
        has_room: whether the machine can bear another slice.
        give_up: ends the process when a thread of it hangs for good.
    """

    def __init__(
        self,
        slices: SliceWorker,
        dispatcher: Dispatcher,
        has_room: Callable[[], bool],
        give_up: Callable[[], None],
    ) -> None:
        self._slices = slices
        self._dispatcher = dispatcher
        self._has_room = has_room
        self._give_up = give_up
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    def is_idle(self) -> bool:
        """Whether nothing is done here, and something may be."""
        return not self._closed and (self._working is None or self._working.done())

    def is_welcoming(self) -> bool:
        """Whether a ticket would lead to work here; others are to have those that would not."""
        return self.is_idle() and self._has_room()

    async def wake(self, _ticket: str = "") -> None:
        """Begin to work, until there is nothing left to do; nothing new if that is going on."""
        if self.is_idle():
            self._working = asyncio.create_task(self._work())

    async def close(self, grace: timedelta) -> None:
        """Begin nothing new; give back what is not done within some time."""
        self._closed = True
        working = self._working
        if working is not None:
            await asyncio.wait([working], timeout=grace.total_seconds())
            working.cancel()
            await asyncio.wait([working])

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                await self._work_on(group)
        finally:
            self._slices.rest()

    async def _work_on(self, group: asyncio.TaskGroup) -> None:
        last: asyncio.Task[None] | None = None
        while not self._closed and self._has_room():
            ending = last if last and not last.done() else None
            try:
                lease = await self._next()
            except DomainError as error:
                logger.warning("%s", error)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE)
                continue
            if lease:
                doing = await self._finish(lease, group)
                if ending:
                    await asyncio.wait([ending])
                last = doing
            elif ending:
                await asyncio.wait([ending])
            else:
                return

    async def _finish(self, lease: Lease, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Do a slice until it counts as finished, or is given up; what is left to do is in the task."""
        finished = asyncio.Event()
        doing = group.create_task(self._do(lease, finished.set))
        doing.add_done_callback(lambda _: finished.set())
        await finished.wait()
        return doing

    async def _do(self, lease: Lease, on_counted: Callable[[], None]) -> None:
        with bound(request_id=str(lease.request_id), slice=lease.number, attempt=lease.attempt):
            if lease.recovered:
                logger.warning("took over a slice whose worker fell silent")
            logger.debug("begins %s %s", lease.kind, lease.segment)
            try:
                await self._slices.do(lease, on_counted)
            except DomainError as error:
                # What is unfinished stands in the database, from where it is taken up again.
                logger.warning("given back: %s", error)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE)
            except WorkerStuckError as error:
                logger.critical("%s; this worker ends itself", error)
                self._give_up()
            except Exception:
                logger.exception("failed unexpectedly")
            else:
                logger.debug("done")

    async def _next(self) -> Lease | None:
        """What to do now; somebody else may be quicker with one or the other."""
        for request_id in await self._dispatcher.run():
            lease = await self._slices.lease(request_id)
            if lease is not None:
                return lease
        return None
