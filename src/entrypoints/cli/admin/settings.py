"""Command ``framecloak settings``: show the settings of this installation."""

from __future__ import annotations

import json
import os
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from framecloak.entrypoints.cli.options import data_dir_option, json_option
from framecloak.entrypoints.settings import Settings, variables


@click.command("settings", short_help="Show the settings of this installation.")
@json_option
@data_dir_option
def settings(*, as_json: bool, data_dir: str | None) -> None:
    """Print every setting with its value and its description; secrets are masked.

    Settings are environment variables. A secret NAME can also be read from a file: set NAME_FILE to its path.
    Values that are set are bold; defaults are not.
    """
    rows = _rows({**os.environ, "DATA_DIR": data_dir} if data_dir else {**os.environ})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("variable", "value and meaning", show_lines=True)
    table.columns[0].no_wrap = True
    # Addresses and paths contain no spaces at which to break a line, and must not be truncated.
    table.columns[1].overflow = "fold"
    for row in rows:
        table.add_row(row["name"], _describe(row))
    Console().print(table)


def _describe(row: dict[str, Any]) -> Text:
    value = row["value"] or f"({row['default'] or 'none'})"
    unit = f" {row['unit']}" if row["value"] and row["unit"] else ""
    return Text.assemble((value + unit, "bold" if row["set"] else ""), "\n", (row["description"], "dim"))


def _rows(environment: dict[str, str]) -> list[dict[str, Any]]:
    values = Settings.from_environment(environment)
    return [
        {
            "name": described.name,
            "value": described.masked_text(getattr(values, name)),
            "default": described.documented_default,
            "set": described.is_set(environment),
            "unit": described.unit,
            "secret": described.secret,
            "description": described.description,
        }
        for name, described in variables()
    ]
