"""What the commands about faces share: pictures that are read from files, and drawings of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framecloak.domain.errors import InputNotFoundError

if TYPE_CHECKING:
    from framecloak.domain.reid.model import Analysis

draw_option = click.option(
    "--draw",
    metavar="OUT.jpg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the boxes.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture that was looked at.

    Attributes:
        path: its file.
        analysis: what was found in it.
        caption: what to write below it.
    """

    path: Path
    analysis: Analysis
    caption: str = ""


def draw(out: Path | None, pictures: Sequence[Seen]) -> None:
    """Write a picture of what was found, where that is wanted and something was.

    Args:
        out: where to.
        pictures: read anew, one after the other, so that none has to be kept until then.

    Raises:
        InputNotFoundError: one is not there any more.
        OutputUnwritableError: the drawing cannot be written.
    """
    if not out or not pictures:
        return
    # OpenCV takes a moment to import.
    from framecloak.entrypoints.cli.reid.drawing import draw_faces, write_sheet  # noqa: PLC0415

    drawn = (draw_faces(picture_file(seen.path), seen.analysis, seen.caption) for seen in pictures)
    write_sheet(out, drawn, len(pictures))


def picture_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputNotFoundError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error
