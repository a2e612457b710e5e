"""Alembic environment, executed for every migration command of ``adapters.postgres.schema``."""

import asyncio
from typing import TYPE_CHECKING, cast

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from framecloak.adapters.postgres.tables import METADATA

if TYPE_CHECKING:
    from advanced_alchemy.alembic.commands import AlembicCommandConfig

_LOCK = 0x46726D63
"""Key for ``pg_advisory_xact_lock``; arbitrary, but unique in the database."""

config = cast("AlembicCommandConfig", context.config)


def migrate(connection: Connection) -> None:
    """Run the command in one transaction, after any concurrent migration of the same database."""
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
