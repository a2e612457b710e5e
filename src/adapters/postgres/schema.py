"""Brings a database to the schema that this version works with, and refuses any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from advanced_alchemy.alembic.commands import AlembicCommands
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from framecloak.adapters.postgres.connection import UPGRADE_HINT, translated
from framecloak.adapters.postgres.engine import configuration, migrations_folder
from framecloak.domain.errors import InvalidOptionError, SchemaOutdatedError


class Schema:
    """The tables of one database.

    Every method raises ``DatabaseUnavailableError`` when the database cannot be reached.

    Args:
        url: ``postgresql://user:password@host:port/name``.

    Raises:
        InvalidSettingError: the URL is not the address of a Postgres database.
    """

    def __init__(self, url: str) -> None:
        self._configuration = configuration(url, pool_size=None)
        self._scripts = ScriptDirectory(str(migrations_folder()))

    @property
    def wanted_revision(self) -> str | None:
        """The one that this version works with."""
        return self._scripts.get_current_head()

    async def current_revision(self) -> str | None:
        """The one that the database has; None where it is empty."""
        try:
            async with self._configuration.get_engine().connect() as connection:
                return await connection.run_sync(_revision)
        except (SQLAlchemyError, OSError) as error:
            raise translated(error) from error

    async def require_current(self) -> None:
        """Refuse a database with another schema than this version works with.

        Raises:
            SchemaOutdatedError: it is older, or newer; the hint says what to do.
        """
        current = await self.current_revision()
        if current == self.wanted_revision:
            return
        if current is None:
            raise SchemaOutdatedError("the database is empty", UPGRADE_HINT)
        if self._knows(current):
            raise SchemaOutdatedError(f"the database has the older schema {current}", UPGRADE_HINT)
        raise SchemaOutdatedError(
            f"the database has schema {current}, which is newer than this version", "upgrade framecloak"
        )

    async def upgrade(self) -> None:
        """Bring the database to the schema of this version; does nothing when it is there already.

        Several processes may do so at a time: they wait for each other.

        Raises:
            SchemaOutdatedError: the database is newer than this version.
        """
        current = await self.current_revision()
        if current is not None and not self._knows(current):
            await self.require_current()
        await self._migrate(lambda commands: commands.upgrade("head"))

    async def downgrade(self, revision: str) -> None:
        """Take the database back to an earlier schema; what did not exist then is lost.

        Args:
            revision: of the schema, ``-1`` for the one before, or ``base`` for an empty database.

        Raises:
            InvalidOptionError: there is no such revision, or it is not an earlier one.
        """
        try:
            await self._migrate(lambda commands: commands.downgrade(revision))
        except CommandError as error:
            raise InvalidOptionError(
                f"cannot downgrade to {revision!r} ({error})", "see framecloak db current"
            ) from error

    async def _migrate(self, command: Callable[[AlembicCommands], None]) -> None:
        """Run a command in a thread: it is synchronous, and brings an event loop of its own."""
        try:
            await asyncio.to_thread(command, AlembicCommands(self._configuration))
        except (SQLAlchemyError, OSError) as error:
            raise translated(error) from error

    def _knows(self, revision: str) -> bool:
        try:
            return self._scripts.get_revision(revision) is not None
        except CommandError:
            return False


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
