"""Connection of one transaction, and translation of the driver's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import URL, CursorResult, Executable, Row
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from framecloak.domain.errors import (
    DatabaseUnavailableError,
    DomainError,
    InvalidOptionError,
    SchemaOutdatedError,
)

Record: TypeAlias = Row[*tuple[Any, ...]]
"""One row, with the columns of its statement."""
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
"""Result of a statement."""

_DEFAULT_PORT = 5432
_MAX_REASON = 200
"""Maximum number of characters of a reason."""
UPGRADE_HINT = "run: framecloak db upgrade"
_UNDEFINED_OBJECT_STATES = frozenset({"42P01", "42703"})
"""SQLSTATEs of undefined tables and columns."""
_DATA_EXCEPTION_CLASS = "22"
"""Class of SQLSTATEs of values that a column cannot hold, such as NUL in a text or a number over 64 bits."""


class Connection:
    """Connection that executes the statements of one transaction.

    Args:
        connection: SQLAlchemy connection checked out of the pool.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None,
        violations: Mapping[str, DomainError] | None = None,
    ) -> Rows:
        """Execute a statement.

        Args:
            statement: SQLAlchemy statement.
            parameters: values of its bind parameters; a sequence executes it once for each element.
            violations: error to raise when a constraint is violated, by the constraint's name.

        Returns:
            The result of the statement.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
            InvalidOptionError: a value cannot be stored.
            SchemaOutdatedError: tables or columns are missing.
            DomainError: a constraint was violated; see ``violations``.
        """
        try:
            return await self._connection.execute(statement, parameters)
        except IntegrityError as error:
            name = constraint_name(error)
            expected = (violations or {}).get(name)
            raise expected or DomainError(f"the database rejected a row by constraint {name!r}") from error
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._connection.engine.url) from error

    async def commit(self) -> None:
        """Commit the transaction.

        Raises:
            DatabaseUnavailableError: the connection was lost; the transaction may or may not be committed.
        """
        try:
            await self._connection.commit()
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._connection.engine.url) from error

    async def close(self) -> None:
        """Roll back uncommitted changes and return the connection to the pool."""
        try:
            await self._connection.close()
        except (SQLAlchemyError, OSError):
            # The connection is lost, so the server rolls the transaction back by itself. SQLAlchemy may have
            # closed it before it failed, and an error here would hide that of the transaction.
            if not self._connection.closed:
                await self._connection.invalidate()


def searchable_id(number: int) -> int:
    """Return the number as a row id for a lookup; 0, which no row has, when it does not fit the column."""
    return number if 0 < number < 2**63 else 0


def searchable_text(text: str) -> str:
    """Return the text for a lookup; empty, which matches no row, when Postgres cannot store it."""
    is_utf8 = text == text.encode(errors="ignore").decode()
    return text if is_utf8 and "\0" not in text else ""


def constraint_name(error: IntegrityError) -> str:
    """Return the name of the violated constraint."""
    cause = error.orig.__cause__ if error.orig else None
    return str(getattr(cause, "constraint_name", None))


def translate_error(error: Exception, url: URL) -> DomainError:
    """Translate an error of the driver, the pool or the socket into a domain error.

    Args:
        error: error of a call.
        url: address of the database, which the message names without user and password.
    """
    state = _sqlstate(error)
    if state in _UNDEFINED_OBJECT_STATES:
        return SchemaOutdatedError("the database lacks tables that this version needs", UPGRADE_HINT)
    if state.startswith(_DATA_EXCEPTION_CLASS) or _is_client_side(error):
        return InvalidOptionError("a value is too large or holds characters that cannot be stored")
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailableError(
            "all connections to the database are busy", "raise the pool size, or add processes"
        )
    return DatabaseUnavailableError(
        f"{_database_name(url)} cannot be reached or failed ({_reason(error)})",
        "start it, or check DATABASE_URL and the database's log",
    )


def _database_name(url: URL) -> str:
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or url.query.get("host", "localhost")
    return f"the database {url.database} on {host}:{url.port or _DEFAULT_PORT}"


def _reason(error: Exception) -> str:
    """Return the reason in the words of the server, the driver or the system; one line, without values."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig else error
    cause = original.__cause__ or original
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    # Further lines hold details, in which stored values may appear.
    first_line = str(cause).partition("\n")[0].strip()
    return first_line[:_MAX_REASON] or type(cause).__name__


def _sqlstate(error: Exception) -> str:
    """Return the SQLSTATE (PostgreSQL, appendix A) of an error, or an empty string."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(original, "sqlstate", None) or "")


def _is_client_side(error: Exception) -> bool:
    """Return whether the driver rejected a value before sending it."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else None
    return isinstance(cause, asyncpg.DataError)
