"""Shared code of the face commands: reading image files and drawing detected faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framecloak.domain.errors import InputNotFoundError

if TYPE_CHECKING:
    from framecloak.domain.model.faces import ImageAnalysis

draw_option = click.option(
    "--draw",
    metavar="OUT.jpg",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an image with the detected faces.",
)


@dataclass(frozen=True, slots=True)
class AnalyzedImage:
    """An analysed image.

    Attributes:
        path: path of the image file.
        analysis: faces detected in the image.
        caption: text to draw into the image.
    """

    path: Path
    analysis: ImageAnalysis
    caption: str = ""


def draw_analyses(out: Path | None, images: Sequence[AnalyzedImage]) -> None:
    """Write a drawing of the detected faces; do nothing without a path or without images.

    Args:
        out: path of the drawing; None for no drawing.
        images: analysed images; their files are read again one by one, so that memory holds only one.

    Raises:
        InputNotFoundError: an image file no longer exists.
        OutputUnwritableError: the drawing cannot be written.
    """
    if not out or not images:
        return
    # Importing OpenCV is slow.
    from framecloak.entrypoints.cli.reid.drawing import draw_faces, write_sheet  # noqa: PLC0415

    drawn = (draw_faces(read_image_file(image.path), image.analysis, image.caption) for image in images)
    write_sheet(out, drawn, len(images))


def read_image_file(path: Path) -> bytes:
    """Read the content of an image file.

    Raises:
        InputNotFoundError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error
