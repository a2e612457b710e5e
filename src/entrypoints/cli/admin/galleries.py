"""Command ``framecloak galleries``: maintenance of face galleries."""

from __future__ import annotations

import sys

import click

from framecloak.entrypoints.cli.admin.connection import OPERATOR, connected_service, run
from framecloak.entrypoints.cli.options import data_dir_option


@click.group(short_help="Change the encryption key of galleries.")
def galleries() -> None:
    """Maintain the galleries of this installation."""


@galleries.command("rotate-key", short_help="Re-encrypt all galleries with the current key.")
@data_dir_option
def rotate_key(*, data_dir: str | None) -> None:
    """Re-encrypt all galleries with GALLERY_KEY, or with a key derived from SECRET_KEY if it is not set.

    Set GALLERY_KEY to a new secret, add the previous one to GALLERY_OLD_KEYS, restart all processes with both
    settings, and run this command. Galleries remain usable meanwhile. If the command is interrupted, run it
    again; it continues with the remaining galleries. Afterwards the previous key is needed only for backups.
    """

    async def main() -> int:
        async with connected_service(data_dir) as service:
            return await service.use_cases.gallery_maintenance.rotate_key(OPERATOR, _print_progress)

    click.echo(f"re-encrypted galleries: {run(main)}")


def _print_progress(faces: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{faces} faces ", err=True, nl=False)
