"""Repository of slices: the pending work of requests, and the workers' leases on it.

Leases are timed by the clock of the database alone, so that workers' clocks do not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.slices import FinishedSlice, Lease, LeaseState, PendingWork
from framecloak.domain.model.segments import Segment


class SliceRepository(Protocol):
    """Repository of the slices of started requests."""

    async def add(self, request_id: UUID, segments: Sequence[Segment]) -> None:
        """Store the slices of a new request, and its assembly, which follows them.

        Args:
            request_id: id of the request.
            segments: disjoint and ascending; at least one.
        """
        ...

    async def start_requests(self, limit: int) -> None:
        """Share the slots of requests in progress among the accounts that have unfinished requests.

        At most ``limit`` requests are in progress. Slots go round the accounts: every account gets a first
        one before any gets a second. Where slots are too few, the account comes first that was charged the
        fewest frames, then the one with the oldest request. The requests of one account start in the order
        of their priority and age. A request in progress without a lease so far returns to the waiting ones
        if its slot is due to another account. Unless the limit is 1, no account has more than ``limit - 1``
        requests in progress, so that one slot stays free for the next account.
        """
        ...

    async def pending_work(self) -> Sequence[PendingWork]:
        """Return the pending work of the requests in progress, oldest request first."""
        ...

    async def ready_numbers(self, request_id: UUID) -> Sequence[int]:
        """Return the numbers of the slices that can be started now, ascending.

        A slice is ready if it is waiting and its pause after a failure is over, or if its lease has expired.
        The assembly is ready once all other slices are done. A request that is not in progress has no ready
        slices.
        """
        ...

    async def lease(
        self, request_id: UUID, number: int, owner: str, ttl: timedelta, *, wait: bool = True
    ) -> Lease | None:
        """Lease a ready slice, or return None if it is not ready. The first lease begins the request.

        The account is charged for the slice; see `slice_cost`.

        Args:
            request_id: id of the request.
            number: index of the slice.
            owner: id of the worker.
            ttl: validity without renewal.
            wait: False to return None as well if another worker changes the request at this moment.
        """
        ...

    async def renew(self, lease: Lease, ttl: timedelta, processed_frames: int) -> LeaseState:
        """Renew a lease and store the progress of its slice; an expired lease cannot be renewed."""
        ...

    async def finish(self, lease: Lease, blanked_frames: int, sha256: str | None = None) -> LeaseState:
        """Record that the part of a slice is in the object store; possible once, and only with a valid lease.

        Args:
            lease: lease on the slice.
            blanked_frames: number of its black frames.
            sha256: SHA-256 of the part, hex; None for the assembly, which has none.

        A repeated call after a lost response returns ``HELD``.
        """
        ...

    async def release(self, lease: Lease, pause: timedelta) -> None:
        """Return a slice without counting a failure, to be restarted after a pause.

        A lost lease is ignored.
        """
        ...

    async def postpone(self, lease: Lease, pause: timedelta) -> None:
        """Return a slice that cannot be processed now, for which it is not to blame, and count that.

        A lost lease is ignored.
        """
        ...

    async def fail(self, lease: Lease, pause: timedelta) -> int | None:
        """Return a slice after a failure of its own, to be restarted after a pause.

        Returns:
            The number of failures of the slice so far; None if the lease is lost.
        """
        ...

    async def parts(self, request_id: UUID) -> Sequence[FinishedSlice]:
        """Return all parts of a request, in the order of their frames."""
        ...
