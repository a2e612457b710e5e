"""What the service asks of its database about who did what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.domain.accounts.model import Principal


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did.

    Attributes:
        id: positive; grows with time.
        created_at: UTC.
        user_id: who did it; None for whoever held a link, and for the service itself.
        username: what they were called then.
        action: as ``request.submit``.
        subject: what it was done to, as ``request:<id>``.
        details: facts that are no secret.
    """

    id: int
    created_at: datetime
    user_id: int | None
    username: str | None
    action: str
    subject: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; None is any.

    Attributes:
        subject: of the action.
        username: who did it, whatever the name's case.
        since: UTC; that moment and later.
    """

    subject: str | None = None
    username: str | None = None
    since: datetime | None = None


class AuditLog(Protocol):
    """Who did what; rows are only ever added."""

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        """Record an action, as ``request.submit``, on a subject, as ``request:<id>``."""
        ...

    async def list(self, wanted: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        """The newest entries, newest first."""
        ...
