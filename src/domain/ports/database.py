"""Transactions over all repositories of the database."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from framecloak.domain.ports.repositories.accounts import ApiKeys, RefreshTokens, Sessions, Users
from framecloak.domain.ports.repositories.audit import AuditEntry, AuditFilter, AuditLog
from framecloak.domain.ports.repositories.galleries import Galleries, GalleryFaces
from framecloak.domain.ports.repositories.paging import Page
from framecloak.domain.ports.repositories.requests import DownloadTokens, RequestFilter, Requests
from framecloak.domain.ports.repositories.slices import Slices
from framecloak.domain.ports.repositories.videos import Grants, Marks, Uploads, Videos
from framecloak.domain.ports.repositories.webhooks import Notices

__all__ = [
    "ApiKeys",
    "AuditEntry",
    "AuditFilter",
    "AuditLog",
    "Database",
    "DownloadTokens",
    "Galleries",
    "GalleryFaces",
    "Grants",
    "Marks",
    "Notices",
    "Page",
    "RefreshTokens",
    "RequestFilter",
    "Requests",
    "Sessions",
    "Slices",
    "UnitOfWork",
    "Uploads",
    "Users",
    "Videos",
]


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without ``commit`` rolls it back."""

    users: Users
    sessions: Sessions
    refresh_tokens: RefreshTokens
    api_keys: ApiKeys
    videos: Videos
    marks: Marks
    grants: Grants
    uploads: Uploads
    requests: Requests
    slices: Slices
    download_tokens: DownloadTokens
    notices: Notices
    galleries: Galleries
    gallery_faces: GalleryFaces
    audit: AuditLog

    async def __aenter__(self) -> Self:
        """Begin the transaction.

        Raises:
            DatabaseUnavailableError: The database cannot be reached.
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
            DatabaseUnavailableError: The database did not answer.
        """
        ...
