"""``framecloak overlays``: propose regions for what a device writes over its picture."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from entrypoints.cli.errors import SUCCESS
from entrypoints.settings import Settings


@click.command(short_help="Propose regions for what a device writes over its picture.")
@click.argument("video", metavar="VIDEO", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--draw", metavar="OUT.jpg", type=click.Path(path_type=Path), help="Draw them into a frame.")
def overlays(*, video: Path, as_json: bool, draw: Path | None) -> int:
    """Find areas of VIDEO that never move while the picture does: names, times, logos of devices.

    Each can be given to `framecloak redact --region`. Look at what is proposed: what a device shows only
    now and then is not among it.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from entrypoints.bootstrap import Container  # noqa: PLC0415
    from entrypoints.cli.static_areas import draw_proposals, find_proposals  # noqa: PLC0415

    container = Container.build(Settings.from_environment(os.environ))
    source, proposals = find_proposals(video, container)
    if draw is not None:
        draw_proposals(source, proposals, container.encoder, draw)
    if as_json:
        rows = [
            {"region": str(one.region), "text": one.has_text, "stillness": one.stillness} for one in proposals
        ]
        click.echo(json.dumps(rows))
        return SUCCESS
    table = Table("region", "text", "stillness", title=f"Areas of {video.name} that never move")
    for one in proposals:
        table.add_row(str(one.region), "yes" if one.has_text else "no", f"{one.stillness:.2f}")
    Console().print(table)
    return SUCCESS
