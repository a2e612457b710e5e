"""``framecloak settings``: what this installation is set up for."""

from __future__ import annotations

import json
import os
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from entrypoints.settings import Settings, variables


@click.command("settings", short_help="Show what this installation is set up for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def settings(*, as_json: bool) -> None:
    """Print every setting with its value, and where that comes from; secrets are masked.

    Settings are environment variables. A secret NAME may also be kept in a file that NAME_FILE names.
    """
    rows = _rows()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("variable", "value", "unit", "description")
    for row in rows:
        value = Text(row["value"] or f"({row['default']})", style="" if row["set"] else "dim")
        table.add_row(row["name"], value, row["unit"], row["description"])
    Console().print(table)


def _rows() -> list[dict[str, Any]]:
    values = Settings.from_environment(os.environ)
    return [
        {
            "name": described.name,
            "value": described.shown(getattr(values, name)),
            "default": described.documented_default,
            "set": described.is_set(os.environ),
            "unit": described.unit,
            "secret": described.secret,
            "description": described.description,
        }
        for name, described in variables()
    ]
