"""Postgres repository of releases of results."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.tables.releases import SeenFrameRow
from framecloak.adapters.postgres.tables.requests import RequestRow


class PostgresReleaseRepository:
    """Postgres repository of releases; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def mark_seen(self, request_id: UUID, user_id: int, frames: Sequence[int]) -> None:
        """See the port."""
        rows = [{"request_id": request_id, "user_id": user_id, "frame": frame} for frame in sorted({*frames})]
        if rows:
            await self._connection.execute(insert(SeenFrameRow).values(rows).on_conflict_do_nothing())

    async def seen(self, request_id: UUID, user_id: int) -> AbstractSet[int]:
        """See the port."""
        statement = select(SeenFrameRow.frame).where(
            SeenFrameRow.request_id == request_id, SeenFrameRow.user_id == user_id
        )
        return {*(await self._connection.execute(statement)).scalars()}

    async def release(self, request_id: UUID, now: datetime, name: str, document: bytes) -> bool:
        """See the port."""
        statement = (
            update(RequestRow)
            .where(
                RequestRow.id == request_id,
                RequestRow.result_key.is_not(None),
                RequestRow.released_at.is_(None),
            )
            .values(released_at=now, released_by=name, release_document=document)
        )
        return (await self._connection.execute(statement)).rowcount == 1

    async def document(self, request_id: UUID) -> bytes | None:
        """See the port."""
        statement = select(RequestRow.release_document).where(RequestRow.id == request_id)
        document: bytes | None = (await self._connection.execute(statement)).scalar_one_or_none()
        return document
