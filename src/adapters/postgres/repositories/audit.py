"""Audit log: an append-only table, and one log message for each of its rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy import func, insert, select

from framecloak.adapters.postgres.connection import Connection, searchable_text
from framecloak.adapters.postgres.tables.accounts import AuditRow
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.repositories.audit import AuditEntry, AuditFilter

LOGGER_NAME = "audit"
"""Name of the logger; fixed, because operators filter the log by it."""

_logger = logging.getLogger(LOGGER_NAME)
_ENTRY = (
    AuditRow.id,
    AuditRow.created_at,
    AuditRow.user_id,
    AuditRow.username,
    AuditRow.action,
    AuditRow.subject,
    AuditRow.details,
)


class PostgresAuditLogRepository:
    """Postgres repository of audit entries; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unlogged: list[dict[str, object]] = []

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        """See the port."""
        values = {
            "user_id": principal.user_id if principal else None,
            "username": principal.username if principal else None,
            "action": action,
            "subject": subject,
            "details": dict(details),
        }
        await self._connection.execute(insert(AuditRow).values(values))
        self._unlogged.append({**values, "means": principal.auth_method if principal else None})

    async def list(self, criteria: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        """See the port."""
        statement = select(*_ENTRY).order_by(AuditRow.id.desc()).limit(limit)
        if criteria.subject is not None:
            statement = statement.where(AuditRow.subject == searchable_text(criteria.subject))
        if criteria.username is not None:
            name = func.lower(searchable_text(criteria.username))
            statement = statement.where(func.lower(AuditRow.username) == name)
        if criteria.since is not None:
            statement = statement.where(AuditRow.created_at >= criteria.since)
        return [AuditEntry(*row) for row in await self._connection.execute(statement)]

    def log_committed(self) -> None:
        """Log the added entries; call it after the commit, so that rolled-back actions are not logged."""
        entries, self._unlogged = self._unlogged, []
        for values in entries:
            _logger.info("audit", extra=values)
