"""What the service asks of its database about slices: which are to be done, and by whom.

Leases are measured by the database's clock alone, so that no worker's clock matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.slices import Demand, FinishedSlice, Lease, Standing
from framecloak.domain.videos.segments import Segment


class Slices(Protocol):
    """Slices of requests in work."""

    async def add(self, request_id: UUID, segments: Sequence[Segment]) -> None:
        """Store the slices of a new request, and the assembly behind them.

        Args:
            request_id: of the request.
            segments: disjoint and ascending, at least one.
        """
        ...

    async def admit_requests(self, limit: int) -> None:
        """Take requests that wait into work while fewer than ``limit`` are.

        The urgent before all others, then those of whoever has the fewest in work, then the oldest. Nobody
        has more than ``limit - 1`` of them, so that somebody who comes later does not find all places taken;
        unless the limit is 1.
        """
        ...

    async def demands(self) -> Sequence[Demand]:
        """What the requests in work still ask for, the oldest request first."""
        ...

    async def ready(self, request_id: UUID) -> Sequence[int]:
        """Numbers of slices that could be begun now, ascending; none unless the request is in work.

        They wait, and their pause after a failure is over; or their lease ran out. The assembly is ready when
        everything else is done.
        """
        ...

    async def lease(self, request_id: UUID, number: int, owner: str, lasts: timedelta) -> Lease | None:
        """Take a slice that is ready; None when it is not (any more). The first one begins the request."""
        ...

    async def renew(self, lease: Lease, lasts: timedelta, processed_frames: int) -> Standing:
        """Keep a slice, and note how far it is; a lease that ran out cannot be renewed."""
        ...

    async def finish(self, lease: Lease, blanked_frames: int) -> Standing:
        """Note that a part lies in the object store; once for every slice, and only while it is held.

        Who did not get the answer may ask again: what was noted is ``HELD``.
        """
        ...

    async def release(self, lease: Lease, pause: timedelta) -> None:
        """Give a slice back that was not to blame, to be begun again after a pause; nothing if it is lost."""
        ...

    async def fail(self, lease: Lease, pause: timedelta) -> int | None:
        """Give back a slice that failed for reasons of its own, to be begun again after a pause.

        Returns:
            How often it has failed by now; None when the lease is lost.
        """
        ...

    async def parts(self, request_id: UUID) -> Sequence[FinishedSlice]:
        """Every part of a request, in the order of their frames."""
        ...
