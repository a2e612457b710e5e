"""Holding a lease while its slice is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from framecloak.domain.anonymization.model.slices import Lease, Standing
from framecloak.domain.errors import DatabaseUnavailableError, ProcessingTimeoutError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import ProgressBoard
from framecloak.domain.support.resilience import ended, uninterrupted

BEAT = 0.5
"""Seconds between two renewals: so late a worker learns that nobody wants the request any more."""

STUCK_AFTER = 30.0
"""Seconds after which a thread that was told to end, and looks at nothing, will never end."""

Value = TypeVar("Value")


class LeaseEndedError(Exception):
    """The work on a slice is to stop, because its lease is held no more."""


class WorkerStuckError(Exception):
    """A thread hangs in code that cannot be stopped: only the end of the process ends it."""


class HeldLease:
    """A lease that is renewed in the background; shared with the thread that does the work.

    Args:
        lease: just given out.
        time_limit: seconds that the slice may take.
        lasts: how long the lease is good without being renewed.
        on_counted: called when the slice counts as finished, and all that is left is to tidy up.

    Attributes:
        lease: as given.
        on_counted: as given.
        standing: what became of it, as far as is known.
        done: frames finished.
    """

    def __init__(
        self,
        lease: Lease,
        time_limit: float,
        lasts: timedelta,
        on_counted: Callable[[], None] = lambda: None,
    ) -> None:
        self.lease = lease
        self.on_counted = on_counted
        self.standing = Standing.HELD
        self.done = 0
        self._abandoned = False
        self._delivering = False
        self._stopped = False
        self._deadline = monotonic() + time_limit
        self._time_limit = time_limit
        self._lasts = lasts

    def step(self) -> None:
        """Count one frame; for the thread that does the work.

        Raises:
            LeaseEndedError: nobody wants more of them from this worker.
            ProcessingTimeoutError: the slice takes too long.
        """
        self.require()
        self.done += 1

    def require(self) -> None:
        """Go on only while the lease is held.

        Raises:
            LeaseEndedError: it is not.
            ProcessingTimeoutError: the slice takes too long.
        """
        if self.standing is not Standing.HELD:
            raise LeaseEndedError
        if self.is_late:
            # Also when nobody waits for this thread any more: the slice is to blame for that.
            raise self.timeout()
        if self._abandoned:
            raise LeaseEndedError

    @property
    def is_late(self) -> bool:
        """Whether the slice takes too long."""
        return monotonic() > self._deadline

    def timeout(self) -> ProcessingTimeoutError:
        """What is said of a slice that takes too long."""
        message = f"Processing timeout: a slice took longer than {self._time_limit:g} s"
        return ProcessingTimeoutError(message, "order smaller segments, or raise SLICE_TIMEOUT_SECONDS")

    async def in_thread(self, work: Callable[[], Value]) -> Value:
        """Run something in a thread that looks at the lease as it goes on, and wait until it has ended.

        Threads cannot be stopped from outside; until this one has ended its files must stay where they are.

        Raises:
            WorkerStuckError: this task was cancelled, and the thread goes on without looking.
        """
        # No task, because those are cancelled when the event loop ends, and the thread would go on.
        running = asyncio.get_running_loop().run_in_executor(None, work)
        # Looked at in any case, or asyncio would log it as never retrieved when this is left otherwise.
        running.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait([running])
        finally:
            if not running.done():
                self._abandoned = True
            try:
                await uninterrupted(asyncio.wait([running], timeout=STUCK_AFTER))
            finally:
                # Also when this is cancelled a second time: nobody may go on beside a thread that hangs.
                if not running.done():
                    raise WorkerStuckError(f"a thread hangs in slice {self.lease.number}")
        return running.result()

    async def deliver(self, finish: Callable[[], Awaitable[Standing]]) -> None:
        """Have the slice counted as finished; from here on only its own answer can stop the work.

        Raises:
            LeaseEndedError: it did not count.
            ProcessingTimeoutError: the slice takes too long.
        """
        self.require()
        self._delivering = True
        self.standing = await finish()
        if self.standing is not Standing.HELD:
            raise LeaseEndedError

    @asynccontextmanager
    async def kept(self, database: Database, board: ProgressBoard) -> AsyncIterator[None]:
        """Renew the lease while the block lasts, and tell listeners how far it is.

        The block is cancelled when the lease ends or the time is up, also while it waits for a server.

        Raises:
            LeaseEndedError: the lease ended.
            ProcessingTimeoutError: the slice took too long.
        """
        working = asyncio.current_task()
        keeping = asyncio.create_task(self._keep(database, board))
        keeping.add_done_callback(lambda _: self._stop(working))
        # Whatever is waited for: a thread looks at the time by itself, a server that hangs does not.
        left = self._deadline - monotonic()
        alarm = asyncio.get_running_loop().call_later(left, self._stop, working)
        try:
            yield
        except asyncio.CancelledError:
            # Whoever cancels a task takes it back where it is understood; others may have cancelled it too.
            if self._stopped and working and not working.uncancel():
                raise (LeaseEndedError() if self.standing is not Standing.HELD else self.timeout()) from None
            raise
        finally:
            self._delivering = True
            alarm.cancel()
            await ended(keeping)

    def _stop(self, working: asyncio.Task[object] | None) -> None:
        """Cancel the work; not once its outcome is being noted, which the database decides."""
        if working and not self._delivering and not self._stopped:
            self._stopped = working.cancel()

    async def _keep(self, database: Database, board: ProgressBoard) -> None:
        told = 0
        runs_out = monotonic() + self._lasts.total_seconds()
        while self.standing is Standing.HELD:
            await asyncio.sleep(BEAT)
            asked_at, done = monotonic(), self.done
            try:
                async with database.unit_of_work() as work:
                    self.standing = await work.slices.renew(self.lease, self._lasts, done)
                    await work.commit()
            except DatabaseUnavailableError:
                if monotonic() > runs_out:
                    self.standing = Standing.LOST
                continue
            runs_out = asked_at + self._lasts.total_seconds()
            if done != told:
                told = done
                await board.announce(self.lease.request_id)
