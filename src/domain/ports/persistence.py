"""What the service asks of its database as a whole: transactions over everything that is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from domain.accounts import Principal
from domain.ports.accounts import ApiKeys, RefreshTokens, Sessions, Users
from domain.ports.library import Grants, Marks, Uploads, Videos
from domain.ports.paging import Page
from domain.ports.requests import DownloadTokens, RequestFilter, Requests
from domain.ports.webhooks import Notices

__all__ = [
    "ApiKeys",
    "AuditLog",
    "Database",
    "DownloadTokens",
    "Grants",
    "Marks",
    "Notices",
    "Page",
    "RefreshTokens",
    "RequestFilter",
    "Requests",
    "Sessions",
    "UnitOfWork",
    "Uploads",
    "Users",
    "Videos",
]


class AuditLog(Protocol):
    """Who did what; rows are only ever added."""

    async def add(
        self, principal: Principal | None, action: str, subject: str, details: Mapping[str, object]
    ) -> None:
        """Record an action, as ``request.submit``, on a subject, as ``request:<id>``."""
        ...


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
    download_tokens: DownloadTokens
    notices: Notices
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
