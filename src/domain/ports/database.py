"""What the service asks of its database as a whole: transactions over everything that is recorded."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from framecloak.domain.ports.accounts import ApiKeys, RefreshTokens, Sessions, Users
from framecloak.domain.ports.audit import AuditEntry, AuditFilter, AuditLog
from framecloak.domain.ports.galleries import Galleries, GalleryFaces
from framecloak.domain.ports.paging import Page
from framecloak.domain.ports.requests import DownloadTokens, RequestFilter, Requests
from framecloak.domain.ports.slices import Slices
from framecloak.domain.ports.videos import Grants, Marks, Uploads, Videos
from framecloak.domain.ports.webhooks import Notices

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
    """One transaction. Leaving the block without ``commit`` undoes everything."""

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
        """Begin.

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
        """Undo what was not committed."""
        ...

    async def commit(self) -> None:
        """Make it last."""
        ...


class Database(Protocol):
    """Where units of work come from."""

    def unit_of_work(self) -> UnitOfWork:
        """A new one, to be entered."""
        ...

    async def ping(self) -> None:
        """Ask it for a sign of life.

        Raises:
            DatabaseUnavailableError: there was none.
        """
        ...
