"""``framecloak galleries``: what those who run the installation do with galleries."""

from __future__ import annotations

import sys

import click

from framecloak.entrypoints.cli.admin.connection import OPERATOR, connected_service, run
from framecloak.entrypoints.cli.options import data_dir_option


@click.group(short_help="Change the key of galleries.")
def galleries() -> None:
    """Look after the galleries of this installation."""


@galleries.command("rotate-key", short_help="Seal all galleries with the current key.")
@data_dir_option
def rotate_key(*, data_dir: str | None) -> None:
    """Seal all galleries with GALLERY_KEY (SECRET_KEY where none is set), whatever they are sealed with now.

    Set GALLERY_KEY to a new secret and add the earlier one to GALLERY_OLD_KEYS, start all processes anew with
    both, and run this. Galleries stay in use meanwhile. When it is interrupted, run it again: what is done
    stays done. Afterwards the earlier key is needed for backups only.
    """

    async def main() -> int:
        async with connected_service(data_dir) as service:
            return await service.gallery_upkeep.rotate_key(OPERATOR, _tell)

    click.echo(f"galleries that were sealed anew: {run(main)}")


def _tell(faces: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{faces} faces ", err=True, nl=False)
