"""The connection of one transaction, and what the driver's errors mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import CursorResult, Executable, Row
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
"""One row; what its columns are, the statement says."""
Rows: TypeAlias = CursorResult[*tuple[Any, ...]]
"""What a statement gives."""

UPGRADE_HINT = "run: framecloak db upgrade"
_UNDEFINED = frozenset({"42P01", "42703"})
"""SQLSTATEs of tables and columns that are not there."""
_DATA_EXCEPTION = "22"
"""Class of SQLSTATEs of values that a column cannot hold; NUL in a text, or a number beyond 64 bits."""


class Connection:
    """Executes statements of one transaction.

    Args:
        connection: checked out of the pool.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None,
        violations: Mapping[str, DomainError] | None = None,
    ) -> Rows:
        """Run a statement.

        Args:
            statement: what to do.
            parameters: values of its bind parameters; several, to run it with each.
            violations: what it means, by name, that a constraint refuses the statement.

        Raises:
            DatabaseUnavailableError: the database cannot be reached.
            InvalidOptionError: a value that cannot be stored.
            SchemaOutdatedError: tables or columns are missing.
            DomainError: what ``violations`` says.
        """
        try:
            return await self._connection.execute(statement, parameters)
        except IntegrityError as error:
            name = constraint_name(error)
            meant = (violations or {}).get(name)
            raise meant or DomainError(f"the database refuses a row by its constraint {name!r}") from error
        except (SQLAlchemyError, OSError) as error:
            raise translated(error) from error

    async def commit(self) -> None:
        """Make everything so far last.

        Raises:
            DatabaseUnavailableError: the database was lost; whether it lasts is unknown.
        """
        try:
            await self._connection.commit()
        except (SQLAlchemyError, OSError) as error:
            raise translated(error) from error

    async def close(self) -> None:
        """Undo what was not committed, and give the connection back."""
        try:
            await self._connection.close()
        except (SQLAlchemyError, OSError):
            # The connection is lost, so the server undoes the transaction by itself.
            await self._connection.invalidate()


def row_id(number: int) -> int:
    """A number to look a row up by; 0, which none has, for one that does not fit the column."""
    return number if 0 < number < 2**63 else 0


def row_name(text: str) -> str:
    """A text to look a row up by; empty, which none is, for one that Postgres cannot hold."""
    is_utf8 = text == text.encode(errors="ignore").decode()
    return text if is_utf8 and "\0" not in text else ""


def constraint_name(error: IntegrityError) -> str:
    """Which constraint was violated."""
    cause = error.orig.__cause__ if error.orig else None
    return str(getattr(cause, "constraint_name", None))


def translated(error: Exception) -> DomainError:
    """What an error of the driver, the pool or the socket means."""
    state = _sqlstate(error)
    if state in _UNDEFINED:
        return SchemaOutdatedError("the database lacks tables that this version needs", UPGRADE_HINT)
    if state.startswith(_DATA_EXCEPTION) or _is_client_side(error):
        return InvalidOptionError("a value is too large or holds characters that cannot be stored")
    if isinstance(error, PoolTimeoutError):
        return DatabaseUnavailableError(
            "all connections to the database are busy", "raise the pool size, or add processes"
        )
    return DatabaseUnavailableError(
        "the database cannot be reached or gave up", "start it, or check DATABASE_URL and its log"
    )


def _sqlstate(error: Exception) -> str:
    """The code of PostgreSQL's appendix A, or an empty string."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(original, "sqlstate", None) or "")


def _is_client_side(error: Exception) -> bool:
    """Whether the driver refused a value before it sent it."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else None
    return isinstance(cause, asyncpg.DataError)
