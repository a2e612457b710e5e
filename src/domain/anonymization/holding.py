"""Holding a lease while its slice is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from time import monotonic

from domain.anonymization.slices import Lease, Standing
from domain.errors import DatabaseUnavailableError, ProcessingTimeoutError
from domain.ports.persistence import Database
from domain.ports.services import ProgressBoard
from domain.resilience import ended

BEAT = 0.5
"""Seconds between two renewals: so late a worker learns that nobody wants the request any more."""


class LeaseEndedError(Exception):
    """The work on a slice is to stop, because its lease is held no more."""


class HeldLease:
    """A lease that is renewed in the background; shared with the thread that does the work.

    Args:
        lease: just given out.
        time_limit: seconds that the slice may take.
        lasts: how long the lease is good without being renewed.

    Attributes:
        lease: as given.
        standing: what became of it, as far as is known.
        done: frames finished.
    """

    def __init__(self, lease: Lease, time_limit: float, lasts: timedelta) -> None:
        self.lease = lease
        self.standing = Standing.HELD
        self.done = 0
        self._abandoned = False
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
        if self._abandoned or self.standing is not Standing.HELD:
            raise LeaseEndedError
        if monotonic() > self._deadline:
            message = f"Processing timeout: a slice took longer than {self._time_limit:g} s"
            raise ProcessingTimeoutError(message, "order smaller segments, or raise SLICE_TIMEOUT_SECONDS")

    def abandon(self) -> None:
        """Have the thread end with its next frame, whatever becomes of the lease."""
        self._abandoned = True

    @asynccontextmanager
    async def kept(self, database: Database, board: ProgressBoard) -> AsyncIterator[None]:
        """Renew the lease while the block lasts, and tell listeners how far it is."""
        keeping = asyncio.create_task(self._keep(database, board))
        try:
            yield
        finally:
            await ended(keeping)

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
