"""What the service asks of its surroundings to tell others about the end of a request.

Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.request import AnonymizationRequest


class NoticeState(StrEnum):
    """Where a notice stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """One receiver to be told about the end of one request, taken for one attempt to do so.

    Attributes:
        id: the same in every attempt, so that a receiver can tell a repetition from something new.
        url: of the receiver.
        request: as it ended.
        attempt: which one it is taken for, counting from 1.
    """

    id: UUID
    url: str = field(repr=False)
    request: AnonymizationRequest
    attempt: int


class Notices(Protocol):
    """Receivers that are to be told something: written with what it is about, told afterwards.

    What is done with a notice that somebody else has taken since, or that is settled, is ignored.
    """

    async def add(self, request_id: UUID, url: str, now: datetime) -> None:
        """Note that a receiver is to be told about the end of a request, as soon as possible."""
        ...

    async def take_due(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Notice]:
        """Take those whose time has come, in no particular order, for one attempt each.

        Args:
            now: they are due now or were earlier; those due longest go first.
            lease_until: nobody else is given them until then, unless they are settled or postponed.
            limit: most to take.
        """
        ...

    async def delivered(self, notice: Notice, now: datetime) -> None:
        """Note that the receiver knows; that stands whoever has taken the notice since."""
        ...

    async def postpone(self, notice: Notice, until: datetime, failure: str) -> None:
        """Note why the attempt failed, and when to make the next."""
        ...

    async def give_up(self, notice: Notice, now: datetime, failure: str) -> None:
        """Note why the last attempt failed; there will be no other."""
        ...

    async def remove_settled(self, before: datetime) -> int:
        """Forget those that were delivered or given up before a moment; returns how many."""
        ...


class WebhookSender(Protocol):
    """Calls receivers."""

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a body, and see to it that it was taken in. Ends within half a minute.

        Raises:
            WebhookFailedError: it was not, or nobody knows; the error says whether to try again.
        """
        ...
