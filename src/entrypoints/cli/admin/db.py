"""Command ``framecloak db``: upgrade, downgrade and inspect the database schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from framecloak.entrypoints.cli.admin.connection import run
from framecloak.entrypoints.cli.options import data_dir_option, service_settings

if TYPE_CHECKING:
    from framecloak.adapters.postgres.schema import Schema


@click.group(short_help="Upgrade, downgrade and inspect the database.")
def db() -> None:
    """Manage the schema of the database at DATABASE_URL, or of the embedded database."""


@db.command(short_help="Upgrade the database to the schema of this version.")
@data_dir_option
def upgrade(*, data_dir: str | None) -> None:
    """Upgrade the database to the schema of this version; do nothing if it is up to date."""

    async def work(schema: Schema) -> None:
        await schema.upgrade()
        click.echo(f"the database has schema {await schema.current_revision()}")

    _with_schema(data_dir, work)


@db.command(short_help="Downgrade the database to an earlier schema.")
@click.argument("revision")
@data_dir_option
def downgrade(*, revision: str, data_dir: str | None) -> None:
    """Downgrade the database to REVISION, to the previous revision (-1) or to an empty database (base).

    Data that the earlier schema cannot hold is lost. Put `--` before -1: framecloak db downgrade -- -1
    """

    async def work(schema: Schema) -> None:
        await schema.downgrade(revision)
        click.echo(f"the database has schema {await schema.current_revision() or 'none'}")

    _with_schema(data_dir, work)


@db.command(short_help="Show the schema of the database.")
@data_dir_option
def current(*, data_dir: str | None) -> None:
    """Show the schema of the database and the schema that this version requires."""

    async def work(schema: Schema) -> None:
        actual, required = await schema.current_revision(), schema.required_revision
        state = "up to date" if actual == required else "run `framecloak db upgrade`"
        click.echo(f"{actual or 'none'} (this version requires {required}: {state})")

    _with_schema(data_dir, work)


def _with_schema(data_dir: str | None, work: Callable[[Schema], Awaitable[None]]) -> None:
    from framecloak.adapters.postgres.schema import Schema  # noqa: PLC0415 - importing SQLAlchemy is slow
    from framecloak.entrypoints.composition.servers import shared_servers  # noqa: PLC0415 - as above

    async def main() -> None:
        settings = service_settings(data_dir=data_dir)
        if settings.database_url:
            # The embedded servers are not started: Redis is not needed here.
            await work(Schema(settings.database_url))
            return
        async with shared_servers(settings) as running:
            await work(Schema(running.database_url))

    run(main)
