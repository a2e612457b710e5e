"""What the service asks of its database about requests for anonymised frames.

Whatever takes a ``Principal`` is scoped to it: what the caller may not see does not exist for it. Times are
timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from framecloak.domain.accounts.model import Principal
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    DownloadToken,
    Order,
    Snapshot,
    Status,
)
from framecloak.domain.anonymization.model.throughput import Pace, Workload
from framecloak.domain.ports.paging import Page


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests to list; None means any."""

    video_id: int | None = None
    status: Status | None = None


class Requests(Protocol):
    """Requests for anonymised frames."""

    async def add(
        self, user_id: int, order: Order, snapshot: Snapshot, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        """Store an order as pending.

        Args:
            user_id: who submits it.
            order: checked already.
            snapshot: what is to be worked on.
            idempotency: the caller's key and a digest of the order.

        Returns:
            The request, and whether it is new: with a key that was used before, it is the one from then.

        Raises:
            IdempotencyConflictError: the key was used with a different order.
            VideoNotFoundError: the video was deleted meanwhile.
        """
        ...

    async def submitted_before(
        self, user_id: int, idempotency: tuple[str, bytes]
    ) -> AnonymizationRequest | None:
        """The request that an account submitted with an idempotency key.

        Args:
            user_id: whose key it is.
            idempotency: the key and a digest of the order.

        Raises:
            IdempotencyConflictError: the key was used with a different order.
        """
        ...

    async def snapshot(self, request_id: UUID) -> Snapshot:
        """What a request is to be made from; empty when there is no such request."""
        ...

    async def get(self, request_id: UUID, principal: Principal) -> AnonymizationRequest:
        """One that the caller may see.

        Raises:
            RequestNotFoundError: there is none, or it is somebody else's.
        """
        ...

    async def list(
        self, principal: Principal, wanted: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Those that the caller may see, newest first."""
        ...

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        """Take a pending request into work, however many are; None when it is not pending (any more)."""
        ...

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: tuple[str, int] | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> bool:
        """Bring it to a final status, with the result's key and bytes; False when it had one already.

        Of one that failed, ``error`` says why to people, and ``error_code`` to programs.

        Its slices are gone then, and with them every lease. With the status comes a notice for the webhook of
        the order, if it has one.
        """
        ...

    async def counts(self) -> Mapping[Status, int]:
        """How many there are, by status."""
        ...

    async def paces(self, last: int) -> Sequence[Pace]:
        """How long the requests took that were completed last, newest first."""
        ...

    async def frames_waiting(self) -> Mapping[Workload, int]:
        """Frames still to be done in all unfinished requests."""
        ...

    async def waiting_since(self) -> datetime | None:
        """When the oldest request that nobody has begun was submitted; None when there is none."""
        ...

    async def frames_done(self) -> int:
        """Frames that were processed, of all requests."""
        ...

    async def result_bytes(self) -> int:
        """What all results take in the object store."""
        ...

    async def results_older_than(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        """Ids and result keys of requests completed before a moment."""
        ...

    async def without_result(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """Of these ids, those whose objects may go.

        They are of requests that failed or were cancelled, whose result was deleted, or that do not exist.
        """
        ...

    async def over(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """Of these ids, those that nobody works on any more, or that do not exist."""
        ...

    async def forget_result(self, request_id: UUID) -> None:
        """Note that its result was deleted."""
        ...


class DownloadTokens(Protocol):
    """Rights to fetch a result once."""

    async def add(self, token: DownloadToken) -> None:
        """Store one."""
        ...

    async def get(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """The request that one is good for, without using it up.

        Raises:
            TokenNotFoundError: there is none like that for this request.
            TokenUsedError: it was used.
            TokenExpiredError: it came too late.
        """
        ...

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """Use one up, atomically: of many callers, one gets the request.

        Raises:
            TokenNotFoundError: there is none like that for this request.
            TokenUsedError: somebody was quicker.
            TokenExpiredError: it came too late.
        """
        ...

    async def remove_without_result(self) -> int:
        """Forget those of results that were deleted; returns how many.

        Until then used and expired ones stay, to be told apart from those that never were.
        """
        ...
