"""Postgres repository of the identities with which accounts sign in at the identity provider."""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert as upsert

from framecloak.adapters.postgres.connection import Connection, searchable_id, searchable_text
from framecloak.adapters.postgres.repositories.accounts import USER_COLUMNS, user_of
from framecloak.adapters.postgres.tables.accounts import ExternalIdentityRow, UserRow
from framecloak.domain.model.accounts import User


class PostgresExternalIdentityRepository:
    """Postgres repository of identities; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_user(self, issuer: str, subject: str) -> User | None:
        """See the port."""
        statement = (
            select(*USER_COLUMNS)
            .join(ExternalIdentityRow, ExternalIdentityRow.user_id == UserRow.id)
            .where(
                ExternalIdentityRow.issuer == searchable_text(issuer),
                ExternalIdentityRow.subject == searchable_text(subject),
            )
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return user_of(row) if row else None

    async def add(self, issuer: str, subject: str, user_id: int) -> bool:
        """See the port."""
        values = {"issuer": issuer, "subject": subject, "user_id": user_id}
        # A second transaction waits until the first has committed, then conflicts with its row.
        statement = upsert(ExternalIdentityRow).values(values).on_conflict_do_nothing()
        return (await self._connection.execute(statement)).rowcount == 1

    async def is_linked(self, user_id: int) -> bool:
        """See the port."""
        statement = select(exists().where(ExternalIdentityRow.user_id == searchable_id(user_id)))
        return bool((await self._connection.execute(statement)).scalar_one())

    async def remove_all_of_user(self, user_id: int) -> None:
        """See the port."""
        await self._connection.execute(
            delete(ExternalIdentityRow).where(ExternalIdentityRow.user_id == user_id)
        )
