"""The right to fetch the result of a request once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, insert, select, update

from adapters.postgres.connection import Connection
from adapters.postgres.request_rows import REQUEST, request_of
from adapters.postgres.tables import DownloadTokenRow, RequestRow
from domain.anonymization.lifecycle import AnonymizationRequest, DownloadToken
from domain.errors import TokenExpiredError, TokenNotFoundError, TokenUsedError


class DownloadTokens:
    """Rights to fetch a result once; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: DownloadToken) -> None:
        """See the port."""
        values = {
            "digest": token.digest,
            "request_id": token.request_id,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
        }
        await self._connection.execute(insert(DownloadTokenRow).values(values))

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """See the port."""
        is_it = and_(DownloadTokenRow.digest == digest, DownloadTokenRow.request_id == request_id)
        # Callers wait for each other at the row; all but the first find it used.
        statement = (
            update(DownloadTokenRow)
            .where(
                is_it,
                RequestRow.id == DownloadTokenRow.request_id,
                DownloadTokenRow.used_at.is_(None),
                DownloadTokenRow.expires_at > now,
            )
            .values(used_at=now)
            .returning(*REQUEST)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is not None:
            return request_of(row)
        reason = select(DownloadTokenRow.used_at).where(is_it)
        token = (await self._connection.execute(reason)).one_or_none()
        if token is None:
            raise TokenNotFoundError("there is no such download link", "ask for a new one")
        if token.used_at is not None:
            raise TokenUsedError("the download link was used already", "ask for a new one")
        raise TokenExpiredError("the download link has expired", "ask for a new one")

    async def remove_without_result(self) -> int:
        """See the port."""
        statement = delete(DownloadTokenRow).where(
            RequestRow.id == DownloadTokenRow.request_id, RequestRow.result_key.is_(None)
        )
        return (await self._connection.execute(statement)).rowcount
