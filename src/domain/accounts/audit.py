"""Use case: read the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.repositories.audit import AuditEntry, AuditFilter


class AuditService:
    """Access to the audit log for administrators.

    Args:
        database: storage of the log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, principal: Principal, criteria: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        """Return the newest matching entries, newest first.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.audit.list(criteria, limit)
