"""Runs migrations; Alembic executes this file for every command.

``framecloak.adapters.postgres.schema`` starts them.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from framecloak.adapters.postgres.tables import METADATA

if TYPE_CHECKING:
    from advanced_alchemy.alembic.commands import AlembicCommandConfig

_LOCK = 0x46726D63
"""Of ``pg_advisory_xact_lock``; any number that nobody else in the database uses."""

config = cast("AlembicCommandConfig", context.config)


def migrate(connection: Connection) -> None:
    """Run the command in one transaction, after whoever else is migrating the same database."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table=config.version_table_name,
        compare_type=config.compare_type,
        compare_server_default=True,
    )
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        context.run_migrations()


async def main() -> None:
    """Connect and run the command."""
    engine = cast("AsyncEngine", config.engine)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
