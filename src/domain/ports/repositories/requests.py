"""Repositories of anonymisation requests and of download tokens.

Methods with a ``Principal`` treat what that caller may not see as missing. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    DownloadToken,
    RequestSpec,
    Status,
    StoredResult,
    WorkSpec,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.repositories.paging import Page


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Criteria for listing requests; a criterion that is None is not applied.

    Attributes:
        video_id: id of the video.
        status: current status.
        search: part of the reference, ignoring case.
        user_id: id of the account that submitted it.
        is_render: True for results rendered again, False for the others.
        is_unreleased: True for stored results that were not released.
        not_user_id: id of an account whose requests are left out.
        for_review: True to include the requests of others for videos that the caller may see.
    """

    video_id: int | None = None
    status: Status | None = None
    search: str | None = None
    user_id: int | None = None
    is_render: bool | None = None
    is_unreleased: bool = False
    not_user_id: int | None = None
    for_review: bool = False


class RequestRepository(Protocol):
    """Repository of anonymisation requests."""

    async def add(
        self, user_id: int, spec: RequestSpec, snapshot: WorkSpec, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        """Store a new request as pending.

        Args:
            user_id: id of the submitting account.
            spec: specification of the request, already validated.
            snapshot: input of the processing, fixed at submission.
            idempotency: the caller's idempotency key and a digest of the specification.

        Returns:
            The request, and True if it is new. For an idempotency key that was used before, the earlier
            request.

        Raises:
            IdempotencyConflictError: the key was used with a different specification.
            VideoNotFoundError: the video was deleted in the meantime.
        """
        ...

    async def find_by_idempotency_key(
        self, user_id: int, idempotency: tuple[str, bytes]
    ) -> AnonymizationRequest | None:
        """Return the request that an account submitted with an idempotency key, or None.

        Args:
            user_id: id of the account.
            idempotency: the idempotency key and a digest of the specification.

        Raises:
            IdempotencyConflictError: the key was used with a different specification.
        """
        ...

    async def high_priority_frames(self, user_id: int, period: timedelta) -> int:
        """Return the frames of the high-priority requests that an account submitted in the last ``period``.

        Until the unit of work ends, other callers of this method for the same account wait.
        """
        ...

    async def snapshot(self, request_id: UUID) -> WorkSpec:
        """Return the processing input of a request; empty if the request does not exist."""
        ...

    async def get(
        self, request_id: UUID, principal: Principal, *, for_review: bool = False
    ) -> AnonymizationRequest:
        """Return a request that the caller may see.

        Args:
            request_id: id of the request.
            principal: caller.
            for_review: True to return requests of others for videos that the caller may see, too.

        Raises:
            RequestNotFoundError: the request does not exist, or belongs to another account.
        """
        ...

    async def list(
        self, principal: Principal, criteria: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """Return a page of the requests that the caller may see, newest first."""
        ...

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        """Start a pending request regardless of the concurrency limit; None if it is not pending."""
        ...

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: StoredResult | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> bool:
        """Set the final status of a request, with its result in the object store.

        A failed request stores ``error`` for people and ``error_code`` for programs. All slices of the
        request are deleted, and with them every lease. If the request has a webhook, a notice for it is
        stored in the same transaction.

        Returns:
            False if the request already had a final status.
        """
        ...

    async def results_completed_before(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        """Return the ids and result keys of requests completed before ``moment``."""
        ...

    async def without_result(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """Return those of the ids whose stored objects may be deleted.

        These are requests that failed or were cancelled, whose result was deleted, or that do not exist.
        """
        ...

    async def finished_or_missing(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """Return those of the ids that are not processed any more, or that do not exist."""
        ...

    async def with_results(self, video_id: int) -> Sequence[AnonymizationRequest]:
        """Return the requests of all accounts for a video that have a result, oldest first."""
        ...

    async def clear_result(self, request_id: UUID) -> None:
        """Clear the result of a request that was deleted, and the marks of its seen frames."""
        ...


class DownloadTokenRepository(Protocol):
    """Repository of download tokens; each token permits one download of a result."""

    async def add(self, token: DownloadToken) -> None:
        """Store a token."""
        ...

    async def get(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """Return the request of a valid token without redeeming it.

        Raises:
            TokenNotFoundError: the request has no such token.
            TokenUsedError: the token was redeemed before.
            TokenExpiredError: the token has expired.
        """
        ...

    async def holder(self, digest: bytes) -> int | None:
        """Return the id of the account that created a token; None if it is unknown or was not recorded."""
        ...

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """Redeem a token atomically: of several concurrent callers, one gets the request.

        Raises:
            TokenNotFoundError: the request has no such token.
            TokenUsedError: the token was redeemed before.
            TokenExpiredError: the token has expired.
        """
        ...

    async def remove_without_result(self) -> int:
        """Delete the tokens of deleted results and return their number.

        Until then used and expired tokens are kept, so that they can be distinguished from unknown ones.
        """
        ...
