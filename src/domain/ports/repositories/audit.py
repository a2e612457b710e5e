"""Repository of the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.domain.model.accounts import Principal


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log: one action of one user.

    Attributes:
        id: positive; increases with time.
        created_at: time of the action, UTC.
        user_id: id of the acting account; None for the holder of a download link and for the service itself.
        username: name of the account at that time.
        action: action, such as ``request.submit``.
        subject: object of the action, such as ``request:<id>``.
        details: additional facts, none of them secret.
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
    """Criteria for audit entries; a criterion that is None is not applied.

    Attributes:
        subject: object of the action.
        username: name of the acting account; case is ignored.
        since: earliest time of an entry, inclusive, UTC.
    """

    subject: str | None = None
    username: str | None = None
    since: datetime | None = None


class AuditLogRepository(Protocol):
    """Append-only repository of audit entries."""

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        """Record an action, such as ``request.submit``, on a subject, such as ``request:<id>``."""
        ...

    async def list(self, criteria: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        """Return the newest matching entries, newest first."""
        ...
