"""Options of the commands that redact files: the same ones mean the same everywhere.

Those that take a default show it. Without one they say that the manifest decides, from which is rendered.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from framecloak.domain.anonymization.model.options import Audio, Language, RedactionShape, RedactionStyle
from framecloak.entrypoints.settings import MAX_THREADS, PRECISIONS, PROVIDERS

Command = TypeVar("Command", bound=Callable[..., Any])
Option = Callable[[Command], Command]

_AS_BEFORE = "as the manifest says"

output_option = click.option(
    "-o", "--output", metavar="OUT.zip", required=True, type=click.Path(path_type=Path), help="ZIP to write."
)

threads_option = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, MAX_THREADS),
    show_default="$FRAMECLOAK_THREADS, or all cores",
    help="Frames worked on at the same time.",
)


def _together(*options: Option[Command]) -> Option[Command]:
    """Several options as one decorator, shown in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


detection_options: Option[Any] = _together(
    click.option(
        "--detector",
        metavar="NAME",
        show_default="$FRAMECLOAK_DETECTOR, or auto",
        help="centerface, the name of an InsightFace pack, or auto: a pack where there is one.",
    ),
    click.option(
        "--provider",
        type=click.Choice(PROVIDERS),
        show_default="$FRAMECLOAK_PROVIDER, or auto",
        help="Where the model runs; auto is the first of tensorrt, cuda and cpu that works.",
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        show_default="$FRAMECLOAK_PRECISION, or auto",
        help="What the model calculates with; auto is int8 on a CPU and fp32 on a GPU.",
    ),
    threads_option,
)
"""With what, and where, faces are looked for."""


def telling_options(names_of: str) -> Option[Any]:
    """What is said of the work, and where.

    Args:
        names_of: whose names may appear in the ZIP.
    """
    return _together(
        click.option(
            "--language",
            type=click.Choice([language.value for language in Language]),
            show_default="$REPORT_LANGUAGE, or en",
            help="Of report.html.",
        ),
        click.option("--keep-names", is_flag=True, help=f"Let {names_of} appear in the ZIP."),
        click.option("--force", "overwrite", is_flag=True, help="Replace OUT.zip if it is there."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a report."),
        click.option("--quiet", is_flag=True, help="Print errors only."),
    )


def format_option(default: str | None, explained: str) -> Option[Any]:
    """What is written: pictures or films."""
    return click.option("--format", "output_format", metavar="FORMAT", help=explained, **_shown(default))


def quality_option(default: int | None) -> Option[Any]:
    """How well it looks."""
    return click.option("--quality", type=int, help="1 to 100, for JPEG, WebP and MP4.", **_shown(default))


def audio_option(default: Audio | None, explained: str) -> Option[Any]:
    """What becomes of the sound."""
    return _one_of("--audio", None, Audio, default, explained)


def style_option(default: RedactionStyle | None) -> Option[Any]:
    """What is drawn over faces."""
    explained = "What replaces the pixels; only solid leaves nothing to reconstruct a face from."
    return _one_of("--redaction", "style", RedactionStyle, default, explained)


def shape_option(default: RedactionShape | None) -> Option[Any]:
    """Where it is drawn."""
    explained = "Outline of redacted faces; everything else is a box."
    return _one_of("--shape", None, RedactionShape, default, explained)


def _one_of(
    flag: str, name: str | None, kind: type[StrEnum], default: StrEnum | None, explained: str
) -> Option[Any]:
    names = (flag, name) if name else (flag,)
    choices = click.Choice([one.value for one in kind])
    return click.option(
        *names, type=choices, help=explained, **_shown(None if default is None else default.value)
    )


def _shown(default: str | int | None) -> dict[str, Any]:
    return {"show_default": _AS_BEFORE} if default is None else {"default": default, "show_default": True}
