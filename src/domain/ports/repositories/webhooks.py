"""Repository of webhook notices, and their delivery. Times are timezone-aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.request import AnonymizationRequest


class NoticeEvent(StrEnum):
    """Event that a notice is about."""

    ENDED = "ended"
    """The request has ended."""
    RELEASED = "released"
    """The result was released."""


class NoticeState(StrEnum):
    """Delivery state of a notice."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """A webhook notice about a request, leased for one delivery attempt.

    Attributes:
        id: the same for every attempt, so that a receiver can recognise repetitions.
        url: URL of the receiver.
        request: the request as it is now; it has ended.
        attempt: number of this attempt, counting from 1.
        event: event that the notice is about.
    """

    id: UUID
    url: str = field(repr=False)
    request: AnonymizationRequest
    attempt: int
    event: NoticeEvent = NoticeEvent.ENDED


class NoticeRepository(Protocol):
    """Repository of webhook notices, written in the same transaction as the event.

    Updates of a notice that is settled, or that another process has leased since, are ignored.
    """

    async def add(
        self, request_id: UUID, url: str, now: datetime, event: NoticeEvent = NoticeEvent.ENDED
    ) -> None:
        """Store a notice, due immediately; there is one for each event of a request."""
        ...

    async def take_due(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Notice]:
        """Lease the notices that are due, in no particular order, for one attempt each.

        Args:
            now: current time; notices due longest are leased first.
            lease_until: end of the lease; until then no other process gets the notice unless it is postponed.
            limit: maximum number of notices.
        """
        ...

    async def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """Mark a notice as delivered, even if another process has leased it since."""
        ...

    async def postpone(self, notice: Notice, until: datetime, failure: str) -> None:
        """Store the reason of a failed attempt and the time of the next one."""
        ...

    async def give_up(self, notice: Notice, now: datetime, failure: str) -> None:
        """Store the reason of the last failed attempt; no further attempt is made."""
        ...

    async def remove_settled(self, before: datetime) -> int:
        """Delete notices that were delivered or given up before a time, and return their number."""
        ...
