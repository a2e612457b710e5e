"""Command ``framecloak videos``: import and list stored videos."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from framecloak.domain.errors import DomainError, InputNotFoundError
from framecloak.entrypoints.cli.admin.connection import (
    OPERATOR,
    acting_principal,
    all_items,
    connected_service,
    run,
)
from framecloak.entrypoints.cli.exit_codes import SUCCESS, report_domain_error
from framecloak.entrypoints.cli.options import data_dir_option, json_option

_CHUNK_BYTES = 4 << 20


@click.group(short_help="Import and list stored videos.")
def videos() -> None:
    """Manage stored videos without the HTTP API."""


@videos.command("import", short_help="Import videos.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--owner", metavar="NAME", help="Owner of the videos; default: the first administrator.")
@data_dir_option
def import_videos(*, paths: tuple[Path, ...], owner: str | None, data_dir: str | None) -> int:
    """Import videos as if they had been uploaded, and print their ids.

    Files that are not videos are reported and skipped; the exit code is that of the last error.
    """

    async def main() -> int:
        code = SUCCESS
        async with connected_service(data_dir) as service:
            principal = await acting_principal(service, owner)
            for path in paths:
                try:
                    video = await service.use_cases.uploads.upload(principal, path.name, _chunks(path))
                except DomainError as error:
                    code = report_domain_error(_with_path(error, path), as_json=False)
                    continue
                facts = video.facts
                click.echo(
                    f"video {video.id}: {video.filename}, {facts.width}x{facts.height}, "
                    f"{facts.frame_count} frames"
                )
        return code

    return run(main)


@videos.command("list", short_help="List stored videos.")
@json_option
@data_dir_option
def list_videos(*, as_json: bool, data_dir: str | None) -> None:
    """List all videos, newest first."""

    async def main() -> list[dict[str, object]]:
        async with connected_service(data_dir) as service:
            return [
                {
                    "id": video.id,
                    "filename": video.filename,
                    "frames": video.facts.frame_count,
                    "size": f"{video.facts.width}x{video.facts.height}",
                    "owner_id": video.owner_id,
                }
                async for video in all_items(partial(service.use_cases.videos.list, OPERATOR))
            ]

    rows = run(main)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("id", "name", "frames", "size", "owner")
    table.columns[1].overflow = "fold"
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise InputNotFoundError(
            f"{path} cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error


def _with_path(error: DomainError, path: Path) -> DomainError:
    """Add the path to the message of an error."""
    if str(path) not in error.message:
        message = error.message.replace(path.name, str(path), 1)
        error.message = message if message != error.message else f"{path}: {error.message}"
    return error
