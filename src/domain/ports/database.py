"""Transactions over all repositories of the database."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from framecloak.domain.ports.repositories.accounts import (
    ApiKeyRepository,
    ExternalIdentityRepository,
    RefreshTokenRepository,
    SessionRepository,
    UserRepository,
)
from framecloak.domain.ports.repositories.audit import AuditEntry, AuditFilter, AuditLogRepository
from framecloak.domain.ports.repositories.batches import BatchRepository
from framecloak.domain.ports.repositories.galleries import GalleryFaceRepository, GalleryRepository
from framecloak.domain.ports.repositories.paging import Page
from framecloak.domain.ports.repositories.releases import ReleaseRepository
from framecloak.domain.ports.repositories.requests import (
    DownloadTokenRepository,
    RequestFilter,
    RequestRepository,
)
from framecloak.domain.ports.repositories.slices import SliceRepository
from framecloak.domain.ports.repositories.statistics import StatisticsRepository
from framecloak.domain.ports.repositories.templates import TemplateRepository
from framecloak.domain.ports.repositories.text_lists import TextListRepository
from framecloak.domain.ports.repositories.videos import (
    GrantRepository,
    MarkRepository,
    UploadRepository,
    VideoRepository,
)
from framecloak.domain.ports.repositories.webhooks import NoticeRepository

__all__ = [
    "ApiKeyRepository",
    "AuditEntry",
    "AuditFilter",
    "AuditLogRepository",
    "BatchRepository",
    "Database",
    "DownloadTokenRepository",
    "ExternalIdentityRepository",
    "GalleryFaceRepository",
    "GalleryRepository",
    "GrantRepository",
    "MarkRepository",
    "NoticeRepository",
    "Page",
    "RefreshTokenRepository",
    "ReleaseRepository",
    "RequestFilter",
    "RequestRepository",
    "SessionRepository",
    "SliceRepository",
    "StatisticsRepository",
    "TemplateRepository",
    "TextListRepository",
    "UnitOfWork",
    "UploadRepository",
    "UserRepository",
    "VideoRepository",
]


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without ``commit`` rolls it back."""

    users: UserRepository
    sessions: SessionRepository
    external_identities: ExternalIdentityRepository
    refresh_tokens: RefreshTokenRepository
    api_keys: ApiKeyRepository
    videos: VideoRepository
    marks: MarkRepository
    grants: GrantRepository
    uploads: UploadRepository
    requests: RequestRepository
    statistics: StatisticsRepository
    slices: SliceRepository
    download_tokens: DownloadTokenRepository
    notices: NoticeRepository
    galleries: GalleryRepository
    gallery_faces: GalleryFaceRepository
    templates: TemplateRepository
    batches: BatchRepository
    releases: ReleaseRepository
    text_lists: TextListRepository
    audit: AuditLogRepository

    async def __aenter__(self) -> Self:
        """Begin the transaction.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
        """
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Roll back uncommitted changes."""
        ...

    async def commit(self) -> None:
        """Commit the transaction."""
        ...


class Database(Protocol):
    """Factory of units of work."""

    def unit_of_work(self) -> UnitOfWork:
        """Return a new unit of work, to be entered with ``async with``."""
        ...

    async def ping(self) -> None:
        """Check the connection.

        Raises:
            DatabaseUnavailableError: the database did not answer.
        """
        ...
