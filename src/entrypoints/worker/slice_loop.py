"""Loop of a worker over slices; the clean-up of one overlaps with the processing of the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from framecloak.domain.anonymization.model.slices import Lease
from framecloak.domain.anonymization.requests.dispatcher import Dispatcher
from framecloak.domain.anonymization.work.lease_renewal import WorkerStuckError
from framecloak.domain.anonymization.work.slice_worker import SliceWorker
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.runtime.logs import log_context

logger = logging.getLogger(__name__)

ERROR_DELAY_SECONDS = 1.0
"""Seconds to wait after an error, for example while a server is unavailable."""


class SliceLoop:
    """Loop that processes slices until there are none left.

    All cores work on one slice. Once it is recorded as finished, its lease is released and its files are
    deleted, which takes hardly any CPU time; meanwhile the next slice starts. A crash of the worker loses
    the work of at most one slice.

    Args:
        slices: leases and processes slices.
        dispatcher: decides which request is served next.
        has_memory: returns True if there is memory for another slice.
        exit_process: ends the process when one of its threads hangs.
    """

    def __init__(
        self,
        slices: SliceWorker,
        dispatcher: Dispatcher,
        has_memory: Callable[[], bool],
        exit_process: Callable[[], None],
    ) -> None:
        self._slices = slices
        self._dispatcher = dispatcher
        self._has_memory = has_memory
        self._exit_process = exit_process
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def is_idle(self) -> bool:
        """Return True if the loop neither runs nor is closed."""
        return not self._closed and (self._task is None or self._task.done())

    def has_capacity(self) -> bool:
        """Return True if a wake-up would start work here; otherwise it is left to other workers."""
        return self.is_idle() and self._has_memory()

    async def start(self, _wakeup: str = "") -> None:
        """Start the loop, which ends when no slice is left; do nothing if it is running."""
        if self.is_idle():
            self._task = asyncio.create_task(self._run())

    async def close(self, grace: timedelta) -> None:
        """Start no further slice, and release the current one if it exceeds the grace period."""
        self._closed = True
        working = self._task
        if working is not None:
            await asyncio.wait([working], timeout=grace.total_seconds())
            working.cancel()
            await asyncio.wait([working])

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                await self._run_slices(group)
        finally:
            self._slices.release_resources()

    async def _run_slices(self, group: asyncio.TaskGroup) -> None:
        previous: asyncio.Task[None] | None = None
        while not self._closed and self._has_memory():
            unfinished = previous if previous and not previous.done() else None
            try:
                lease = await self._lease_next()
            except DomainError as error:
                logger.warning("%s", error)
                await asyncio.sleep(ERROR_DELAY_SECONDS)
                continue
            if lease:
                cleaning_up = await self._process_until_finished(lease, group)
                if unfinished:
                    await asyncio.wait([unfinished])
                previous = cleaning_up
            elif unfinished:
                await asyncio.wait([unfinished])
            else:
                return

    async def _process_until_finished(self, lease: Lease, group: asyncio.TaskGroup) -> asyncio.Task[None]:
        """Process a slice until it is recorded as finished or has failed; the task returned cleans up."""
        finished = asyncio.Event()
        task = group.create_task(self._process(lease, finished.set))
        task.add_done_callback(lambda _: finished.set())
        await finished.wait()
        return task

    async def _process(self, lease: Lease, on_finished: Callable[[], None]) -> None:
        with log_context(
            request_id=str(lease.request_id), slice=lease.number, attempt=lease.attempt + lease.postponed
        ):
            if lease.recovered:
                logger.warning("took over a slice of a worker that stopped responding")
            logger.debug("started %s %s", lease.kind, lease.segment)
            try:
                await self._slices.process(lease, on_finished)
            except DomainError as error:
                # The database records the slice as unfinished, so a worker will lease it again.
                logger.warning("slice released: %s", error)
                await asyncio.sleep(ERROR_DELAY_SECONDS)
            except WorkerStuckError as error:
                logger.critical("%s; this worker process exits", error)
                self._exit_process()
            except Exception:
                logger.exception("slice failed unexpectedly")
            else:
                logger.debug("slice done")

    async def _lease_next(self) -> Lease | None:
        """Lease the next slice; None if other workers have leased all of them."""
        turns = await self._dispatcher.run()
        for wait in (False, True):
            for request_id in turns:
                lease = await self._slices.lease(request_id, wait=wait)
                if lease is not None:
                    return lease
        return None
