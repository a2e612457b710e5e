"""Use case: see who did what."""

from __future__ import annotations

from collections.abc import Sequence

from framecloak.domain.accounts.model import Principal
from framecloak.domain.ports.audit import AuditEntry, AuditFilter
from framecloak.domain.ports.database import Database


class Auditing:
    """The audit log, for those who answer for the installation.

    Args:
        database: where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, principal: Principal, wanted: AuditFilter, limit: int) -> Sequence[AuditEntry]:
        """The newest entries, newest first; for administrators.

        Raises:
            ForbiddenError: the caller is none.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.audit.list(wanted, limit)

    async def record(self, principal: Principal, action: str, subject: str) -> None:
        """Record what is done past the other use cases, before it is done.

        Raises:
            ForbiddenError: the caller is no administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            await work.audit.add(principal, action, subject, {})
            await work.commit()
