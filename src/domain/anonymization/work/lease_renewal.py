"""A worker's lease on the slice that it is processing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic
from typing import TypeVar

from framecloak.domain.anonymization.model.slices import Lease, LeaseState
from framecloak.domain.errors import DatabaseUnavailableError, ProcessingTimeoutError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.support.resilience import cancel_and_wait, run_to_completion

RENEWAL_INTERVAL = 0.5
"""Renewal interval in seconds while the database answers quickly.

A cancelled request is announced; where the announcement is lost, this is the delay until a worker stops.
"""

MAX_RENEWING_SHARE = 0.1
"""Share of its time for which a worker waits for renewals.

The interval grows while the database is slow, so that the renewals of many workers do not make it slower.
"""

RENEWALS_PER_LEASE = 4
"""Number of renewals for which the validity of a lease always leaves time."""

STUCK_AFTER = 30.0
"""Seconds to wait for a thread that must stop, before it counts as hanging."""

Value = TypeVar("Value")


def renewal_interval(renewing_seconds: float, ttl_seconds: float) -> float:
    """Return the interval in seconds until the next renewal of a lease.

    Args:
        renewing_seconds: duration of the last renewal in seconds.
        ttl_seconds: validity of the lease without renewal in seconds.
    """
    longest = max(RENEWAL_INTERVAL, ttl_seconds / RENEWALS_PER_LEASE)
    return min(max(RENEWAL_INTERVAL, renewing_seconds / MAX_RENEWING_SHARE), longest)


class LeaseEndedError(Exception):
    """The lease ended, so the work on its slice must stop."""


class WorkerStuckError(Exception):
    """A thread hangs in code that cannot be interrupted; only the end of the process stops it."""


class ActiveLease:
    """A lease renewed in the background, shared with the thread that processes the slice.

    Args:
        lease: newly granted lease.
        time_limit: maximum duration of the slice in seconds.
        ttl: validity of the lease without renewal.
        on_finished: called when the slice counts as finished and only clean-up remains.

    Attributes:
        lease: the lease passed to the constructor.
        on_finished: the callback passed to the constructor.
        state: latest known state of the lease.
        frames_done: number of finished frames.
    """

    def __init__(
        self,
        lease: Lease,
        time_limit: float,
        ttl: timedelta,
        on_finished: Callable[[], None] = lambda: None,
    ) -> None:
        self.lease = lease
        self.on_finished = on_finished
        self.state = LeaseState.HELD
        self.frames_done = 0
        self._abandoned = False
        self._completing = False
        self._stopped = False
        self._deadline = monotonic() + time_limit
        self._time_limit = time_limit
        self._ttl = ttl

    def count_frame(self) -> None:
        """Count one frame. The processing thread calls this after each frame.

        Raises:
            LeaseEndedError: the lease ended, or the thread was abandoned.
            ProcessingTimeoutError: the slice exceeded its time limit.
        """
        self.require_held()
        self.frames_done += 1

    def require_held(self) -> None:
        """Raise unless the lease is held and the time limit has not passed.

        Raises:
            LeaseEndedError: the lease ended, or the thread was abandoned.
            ProcessingTimeoutError: the slice exceeded its time limit.
        """
        if self.state is not LeaseState.HELD:
            raise LeaseEndedError
        if self.is_late:
            # This precedes the check below: a timeout is the slice's fault even in an abandoned thread.
            raise self.timeout()
        if self._abandoned:
            raise LeaseEndedError

    @property
    def is_late(self) -> bool:
        """True if the slice exceeded its time limit."""
        return monotonic() > self._deadline

    def timeout(self) -> ProcessingTimeoutError:
        """Build the error for a slice that exceeded its time limit."""
        message = f"Processing timeout: a slice took longer than {self._time_limit:g} s"
        return ProcessingTimeoutError(message, "order smaller segments, or raise SLICE_TIMEOUT_SECONDS")

    async def run_in_thread(self, work: Callable[[], Value]) -> Value:
        """Run a function in a thread, and wait until the thread has ended.

        The function must call `require_held` or `count_frame` regularly, because a thread cannot be stopped
        from outside. Its files must stay in place until it has ended.

        Raises:
            WorkerStuckError: this task was cancelled, and the thread did not stop in time.
        """
        # Not a task: tasks are cancelled when the event loop ends, while the thread would keep running.
        running = asyncio.get_running_loop().run_in_executor(None, work)
        # Retrieve the exception in any case, or asyncio logs it as never retrieved.
        running.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait([running])
        finally:
            if not running.done():
                self._abandoned = True
            try:
                await run_to_completion(asyncio.wait([running], timeout=STUCK_AFTER))
            finally:
                # Raised also when this task is cancelled twice: no work may start beside a hanging thread.
                if not running.done():
                    raise WorkerStuckError(f"a thread hangs in slice {self.lease.number}")
        return running.result()

    async def complete(self, finish: Callable[[], Awaitable[LeaseState]]) -> None:
        """Record the slice as finished. From here on only the outcome of ``finish`` can stop the work.

        Args:
            finish: records the slice in the database and returns the state of the lease.

        Raises:
            LeaseEndedError: the lease had ended, so the slice does not count.
            ProcessingTimeoutError: the slice exceeded its time limit.
        """
        self.require_held()
        self._completing = True
        self.state = await finish()
        if self.state is not LeaseState.HELD:
            raise LeaseEndedError

    @asynccontextmanager
    async def renewed(self, database: Database, board: ProgressBoard) -> AsyncIterator[None]:
        """Renew the lease while the block runs, and announce progress to listeners.

        The block is cancelled when the lease ends or the time limit passes, even while it waits for a server.
        The announcement that the request was cancelled renews the lease at once, which then ends.

        Args:
            database: used to renew the lease.
            board: used to announce progress, and to learn of a cancellation.

        Raises:
            LeaseEndedError: the lease ended.
            ProcessingTimeoutError: the slice exceeded its time limit.
        """
        working = asyncio.current_task()
        renewal = asyncio.create_task(self._renew_periodically(database, board))
        renewal.add_done_callback(lambda _: self._cancel(working))
        # A thread checks the time limit itself; a server that hangs does not.
        remaining = self._deadline - monotonic()
        alarm = asyncio.get_running_loop().call_later(remaining, self._cancel, working)
        try:
            yield
        except asyncio.CancelledError:
            # Undo only the cancellation requested here; the task may have been cancelled from outside too.
            if self._stopped and working and not working.uncancel():
                raise (LeaseEndedError() if self.state is not LeaseState.HELD else self.timeout()) from None
            raise
        finally:
            self._completing = True
            alarm.cancel()
            await cancel_and_wait(renewal)

    def _cancel(self, working: asyncio.Task[object] | None) -> None:
        """Cancel the work, unless its outcome is already being recorded: then the database decides."""
        if working and not self._completing and not self._stopped:
            self._stopped = working.cancel()

    async def _renew_periodically(self, database: Database, board: ProgressBoard) -> None:
        with board.listen_for_cancellation(self.lease.request_id) as cancellation:
            announced = 0
            interval, ttl = RENEWAL_INTERVAL, self._ttl.total_seconds()
            expires_at = monotonic() + ttl
            while self.state is LeaseState.HELD:
                await cancellation.wait_for_change(interval)
                renewed_at, done = monotonic(), self.frames_done
                try:
                    async with database.unit_of_work() as work:
                        self.state = await work.slices.renew(self.lease, self._ttl, done)
                        await work.commit()
                except DatabaseUnavailableError:
                    if monotonic() > expires_at:
                        self.state = LeaseState.LOST
                    continue
                interval = renewal_interval(monotonic() - renewed_at, ttl)
                expires_at = renewed_at + ttl
                if done != announced:
                    announced = done
                    await board.announce(self.lease.request_id)
