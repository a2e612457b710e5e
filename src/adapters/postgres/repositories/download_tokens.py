"""Postgres repository of download tokens, which allow fetching a result once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.rows.requests import REQUEST_COLUMNS, request_from_row
from framecloak.adapters.postgres.tables.requests import DownloadTokenRow, RequestRow
from framecloak.domain.anonymization.model.request import AnonymizationRequest, DownloadToken
from framecloak.domain.errors import DomainError, TokenExpiredError, TokenNotFoundError, TokenUsedError


class PostgresDownloadTokenRepository:
    """Postgres repository of download tokens; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: DownloadToken) -> None:
        """See the port."""
        values = {
            "digest": token.digest,
            "request_id": token.request_id,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
            "user_id": token.user_id,
        }
        await self._connection.execute(insert(DownloadTokenRow).values(values))

    async def get(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """See the port."""
        statement = select(*REQUEST_COLUMNS).where(_is_token(digest, request_id), _is_valid(now))
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise await self._rejection(digest, request_id)
        return request_from_row(row)

    async def holder(self, digest: bytes) -> int | None:
        """See the port."""
        statement = select(DownloadTokenRow.user_id).where(DownloadTokenRow.digest == digest)
        return (await self._connection.execute(statement)).scalar_one_or_none()

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """See the port."""
        # Concurrent callers are serialised by the row lock; all but the first find the token used.
        statement = (
            update(DownloadTokenRow)
            .where(_is_token(digest, request_id), _is_valid(now))
            .values(used_at=now)
            .returning(*REQUEST_COLUMNS)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise await self._rejection(digest, request_id)
        return request_from_row(row)

    async def remove_without_result(self) -> int:
        """See the port."""
        statement = delete(DownloadTokenRow).where(
            RequestRow.id == DownloadTokenRow.request_id, RequestRow.result_key.is_(None)
        )
        return (await self._connection.execute(statement)).rowcount

    async def _rejection(self, digest: bytes, request_id: UUID) -> DomainError:
        """Return the error that explains why a token is not valid."""
        reason = select(DownloadTokenRow.used_at).where(_is_token(digest, request_id))
        token = (await self._connection.execute(reason)).one_or_none()
        if token is None:
            return TokenNotFoundError("there is no such download link", "ask for a new one")
        if token.used_at is not None:
            return TokenUsedError("the download link has already been used", "ask for a new one")
        return TokenExpiredError("the download link has expired", "ask for a new one")


def _is_token(digest: bytes, request_id: UUID) -> ColumnElement[bool]:
    return and_(DownloadTokenRow.digest == digest, DownloadTokenRow.request_id == request_id)


def _is_valid(now: datetime) -> ColumnElement[bool]:
    """Return the condition for valid tokens, including the join with their requests."""
    return and_(
        RequestRow.id == DownloadTokenRow.request_id,
        DownloadTokenRow.used_at.is_(None),
        DownloadTokenRow.expires_at > now,
    )
