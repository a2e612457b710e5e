"""Postgres repository of the installation's lists of text."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.tables.columns import CLOCK_TIMESTAMP
from framecloak.adapters.postgres.tables.text_lists import TextListsRow
from framecloak.domain.anonymization.model.text_policy import InstallationLists


class PostgresTextListRepository:
    """Postgres repository of lists of text; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self) -> InstallationLists:
        """See the port."""
        statement = select(
            TextListsRow.device_terms,
            TextListsRow.patterns,
            TextListsRow.changed_at,
            TextListsRow.changed_by,
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            return InstallationLists()
        device_terms, patterns, changed_at, changed_by = row
        return InstallationLists(tuple(device_terms), tuple(patterns), changed_at, changed_by)

    async def replace(self, device_terms: tuple[str, ...], patterns: tuple[str, ...], by: str) -> None:
        """See the port."""
        values = {
            "device_terms": [*device_terms],
            "patterns": [*patterns],
            "changed_at": CLOCK_TIMESTAMP,
            "changed_by": by,
        }
        statement = insert(TextListsRow).values(id=1, **values)
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=[TextListsRow.id], set_=values)
        )
