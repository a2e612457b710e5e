"""Schema management: upgrade a database to the schema of this version, or reject a different one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from advanced_alchemy.alembic.commands import AlembicCommands
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from framecloak.adapters.postgres.connection import UPGRADE_HINT, translate_error
from framecloak.adapters.postgres.engine import asyncpg_url, database_configuration, migrations_folder
from framecloak.domain.errors import InvalidOptionError, SchemaOutdatedError


class Schema:
    """Schema of one database.

    Every method raises ``DatabaseUnavailableError`` when the database cannot be reached.

    Args:
        url: ``postgresql://user:password@host:port/name``.

    Raises:
        InvalidSettingError: the URL is not the URL of a Postgres database.
    """

    def __init__(self, url: str) -> None:
        self._url = asyncpg_url(url)
        self._configuration = database_configuration(url, pool_size=None)
        self._scripts = ScriptDirectory(str(migrations_folder()))

    @property
    def required_revision(self) -> str | None:
        """Revision that this version requires."""
        return self._scripts.get_current_head()

    async def current_revision(self) -> str | None:
        """Return the revision of the database; None for an empty database."""
        try:
            async with self._configuration.get_engine().connect() as connection:
                return await connection.run_sync(_revision)
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._url) from error

    async def require_current(self) -> None:
        """Check that the database has the schema that this version requires.

        Raises:
            SchemaOutdatedError: the schema is missing, older or newer; the hint names the remedy.
        """
        current = await self.current_revision()
        if current == self.required_revision:
            return
        if current is None:
            raise SchemaOutdatedError("the database is empty", UPGRADE_HINT)
        if self._is_known(current):
            raise SchemaOutdatedError(f"the database has the older schema {current}", UPGRADE_HINT)
        raise SchemaOutdatedError(
            f"the database has schema {current}, which is newer than this version", "upgrade framecloak"
        )

    async def upgrade(self) -> None:
        """Upgrade the database to the schema of this version; do nothing when it is current.

        Several processes may upgrade at the same time: they wait for each other.

        Raises:
            SchemaOutdatedError: the database is newer than this version.
        """
        current = await self.current_revision()
        if current is not None and not self._is_known(current):
            await self.require_current()
        await self._migrate(lambda commands: commands.upgrade("head"))

    async def downgrade(self, revision: str) -> None:
        """Downgrade the database to an earlier schema; data of newer tables and columns is lost.

        Args:
            revision: target revision, ``-1`` for the previous one, or ``base`` for an empty database.

        Raises:
            InvalidOptionError: the revision does not exist or is not an earlier one.
        """
        try:
            await self._migrate(lambda commands: commands.downgrade(revision))
        except CommandError as error:
            raise InvalidOptionError(
                f"cannot downgrade to {revision!r} ({error})", "run: framecloak db current"
            ) from error

    async def _migrate(self, command: Callable[[AlembicCommands], None]) -> None:
        """Run a command in a thread, because it is synchronous and starts an event loop of its own."""
        try:
            await asyncio.to_thread(command, AlembicCommands(self._configuration))
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._url) from error

    def _is_known(self, revision: str) -> bool:
        try:
            return self._scripts.get_revision(revision) is not None
        except CommandError:
            return False


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
