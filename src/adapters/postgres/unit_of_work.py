"""Postgres database and unit of work: transactions on a pool of connections."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from framecloak.adapters.postgres.connection import Connection, translate_error
from framecloak.adapters.postgres.engine import database_configuration
from framecloak.adapters.postgres.repositories import (
    accounts,
    audit,
    batches,
    download_tokens,
    external_identities,
    galleries,
    marks,
    releases,
    requests,
    slices,
    statistics,
    templates,
    text_lists,
    videos,
    webhooks,
)
from framecloak.adapters.postgres.vector_search.sign_indexes import SignIndexes
from framecloak.domain.ports import database

DEFAULT_POOL_SIZE = 16


class PostgresUnitOfWork:
    """One transaction; see the port. Uncommitted changes are rolled back."""

    users: database.UserRepository
    sessions: database.SessionRepository
    external_identities: database.ExternalIdentityRepository
    refresh_tokens: database.RefreshTokenRepository
    api_keys: database.ApiKeyRepository
    videos: database.VideoRepository
    marks: database.MarkRepository
    grants: database.GrantRepository
    uploads: database.UploadRepository
    requests: database.RequestRepository
    statistics: database.StatisticsRepository
    slices: database.SliceRepository
    download_tokens: database.DownloadTokenRepository
    notices: database.NoticeRepository
    galleries: database.GalleryRepository
    gallery_faces: database.GalleryFaceRepository
    templates: database.TemplateRepository
    batches: database.BatchRepository
    releases: database.ReleaseRepository
    text_lists: database.TextListRepository
    audit: database.AuditLogRepository

    def __init__(self, engine: AsyncEngine, signs: SignIndexes) -> None:
        self._engine = engine
        self._signs = signs
        self._connection: Connection | None = None
        self._audit: audit.PostgresAuditLogRepository | None = None

    async def __aenter__(self) -> Self:
        """See the port."""
        try:
            connection = Connection(await self._engine.connect())
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._engine.url) from error
        self._connection = connection
        self.users = accounts.PostgresUserRepository(connection)
        self.sessions = accounts.PostgresSessionRepository(connection)
        self.external_identities = external_identities.PostgresExternalIdentityRepository(connection)
        self.refresh_tokens = accounts.PostgresRefreshTokenRepository(connection)
        self.api_keys = accounts.PostgresApiKeyRepository(connection)
        self.audit = self._audit = audit.PostgresAuditLogRepository(connection)
        self.videos = videos.PostgresVideoRepository(connection)
        self.grants = videos.PostgresGrantRepository(connection)
        self.uploads = videos.PostgresUploadRepository(connection)
        self.marks = marks.PostgresMarkRepository(connection)
        self.requests = requests.PostgresRequestRepository(connection)
        self.statistics = statistics.PostgresStatisticsRepository(connection)
        self.slices = slices.PostgresSliceRepository(connection)
        self.download_tokens = download_tokens.PostgresDownloadTokenRepository(connection)
        self.notices = webhooks.PostgresNoticeRepository(connection)
        self.galleries = galleries.PostgresGalleryRepository(connection, self._signs)
        self.gallery_faces = galleries.PostgresGalleryFaceRepository(connection, self._signs)
        self.templates = templates.PostgresTemplateRepository(connection)
        self.batches = batches.PostgresBatchRepository(connection)
        self.releases = releases.PostgresReleaseRepository(connection)
        self.text_lists = text_lists.PostgresTextListRepository(connection)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See the port."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # A cancelled caller must not leave its connection half-returned to the pool.
            await asyncio.shield(asyncio.create_task(connection.close()))

    async def commit(self) -> None:
        """See the port."""
        if self._connection is None:
            raise RuntimeError("the unit of work has been left or was never entered")
        await self._connection.commit()
        if self._audit is not None:
            self._audit.log_committed()


DEFAULT_SIGNS_ABOVE = 20_000
MAX_SIGNS_BYTES = 1 << 30
"""Memory of the indexes of all galleries."""


class PostgresDatabase:
    """A Postgres database; see the port.

    Args:
        url: ``postgresql://user:password@host:port/name``.
        pool_size: maximum number of connections; a unit of work waits until one is free.
        signs_above: number of faces above which a gallery has an index in memory.

    Raises:
        InvalidSettingError: the URL is not the URL of a Postgres database.
    """

    def __init__(
        self,
        url: str,
        pool_size: int = DEFAULT_POOL_SIZE,
        *,
        signs_above: int = DEFAULT_SIGNS_ABOVE,
    ) -> None:
        self._engine = database_configuration(url, pool_size).get_engine()
        self._signs = SignIndexes(self._engine, signs_above, MAX_SIGNS_BYTES)
        event.listen(self._engine.sync_engine, "checkout", _require_alive)

    def unit_of_work(self) -> PostgresUnitOfWork:
        """See the port."""
        return PostgresUnitOfWork(self._engine, self._signs)

    def loaded_signs(self, gallery_id: UUID) -> int | None:
        """Return the memory in bytes of a gallery's signs; None if they are not loaded."""
        return self._signs.loaded_bytes(gallery_id)

    async def ping(self) -> None:
        """See the port."""
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._engine.url) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._signs.close()
        await self._engine.dispose()


def _require_alive(
    connection: Any,  # noqa: ANN401 -- its type is not public
    _entry: ConnectionPoolEntry,
    _proxy: object,
) -> None:
    """Make the pool replace a connection that the server closed, without the cost of a ping."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError
