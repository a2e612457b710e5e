"""``framecloak db``: the schema of the database."""

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
    """Look after the schema of the database that DATABASE_URL names, or of the embedded one."""


@db.command(short_help="Bring the database to the schema of this version.")
@data_dir_option
def upgrade(*, data_dir: str | None) -> None:
    """Bring the database to the schema of this version; does nothing when it is there already."""

    async def work(schema: Schema) -> None:
        await schema.upgrade()
        click.echo(f"the database has schema {await schema.current_revision()}")

    _with_schema(data_dir, work)


@db.command(short_help="Take the database back to an earlier schema.")
@click.argument("revision")
@data_dir_option
def downgrade(*, revision: str, data_dir: str | None) -> None:
    """Take the database back to REVISION, to the one before (-1), or empty it (base).

    What did not exist then is lost. Put `--` before -1: framecloak db downgrade -- -1
    """

    async def work(schema: Schema) -> None:
        await schema.downgrade(revision)
        click.echo(f"the database has schema {await schema.current_revision() or 'none'}")

    _with_schema(data_dir, work)


@db.command(short_help="Show which schema the database has.")
@data_dir_option
def current(*, data_dir: str | None) -> None:
    """Show which schema the database has, and which one this version works with."""

    async def work(schema: Schema) -> None:
        found, wanted = await schema.current_revision(), schema.wanted_revision
        state = "up to date" if found == wanted else "run `framecloak db upgrade`"
        click.echo(f"{found or 'none'} (this version works with {wanted}: {state})")

    _with_schema(data_dir, work)


def _with_schema(data_dir: str | None, work: Callable[[Schema], Awaitable[None]]) -> None:
    from framecloak.adapters.postgres.schema import Schema  # noqa: PLC0415 - SQLAlchemy takes a moment to import
    from framecloak.entrypoints.composition.servers import any_stack  # noqa: PLC0415 - as above

    async def main() -> None:
        settings = service_settings(data_dir=data_dir)
        if settings.database_url:
            # Without a stack, which would start a Redis that nobody asks.
            await work(Schema(settings.database_url))
            return
        async with any_stack(settings) as running:
            await work(Schema(running.database_url))

    run(main)
