"""Overlays of a clinic's devices, drawn over footage, with the exact place of each line."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
SIZES = (12, 14, 16, 20, 24, 32, 40, 48)
STYLES = ("light on dark", "dark on light", "outlined", "semi-transparent")

SURNAMES = tuple(
    """Müller, Schäfer, Großmann, Kowalska, Wiśniewski, Dąbrowski, García, Muñoz, Núñez, Lefèvre, Gauthier,
    Bouchard, Öztürk, Şahin, Çelik, Becker, Hoffmann, Lewandowski, Fernández,
    Y\u0131ld\u0131z""".replace("\n   ", "").split(", ")
)
GIVEN_NAMES = tuple(
    """Anna, Jürgen, Sören, Katarzyna, Łukasz, José, Inés, Chloé, François, Ayşe, Özgür, Emre, Marie, Piotr,
    Lucía, René, Fatma, Karl""".replace("\n   ", "").split(", ")
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Line:
    """Line of an overlay.

    Attributes:
        text: its text.
        identifies: True if it must be covered.
        size: height of the font in pixels.
        style: how it is drawn.
        box: smallest box of its letters, in pixels.
    """

    text: str
    identifies: bool
    size: int
    style: str
    box: Box


def fonts() -> list[Path]:
    """Return the scalable fonts of this machine."""
    return sorted(path for folder in FONT_FOLDERS for path in folder.rglob("*.ttf"))


def identifying_text(chance: random.Random) -> str:
    """Return a name, a date of birth, an identifier or a contact."""
    surname, given = chance.choice(SURNAMES), chance.choice(GIVEN_NAMES)
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1930, 2015)
    return chance.choice(
        (
            f"{surname}, {given}",
            f"{given} {surname}",
            f"{given[0]}. {surname}".upper(),
            f"*{day:02d}.{month:02d}.{year}",
            f"{day:02d}.{month:02d}.{year}",
            f"DOB {month:02d}/{day:02d}/{year}",
            f"{year}-{month:02d}-{day:02d}",
            f"ID {chance.randint(10**6, 10**8)}",
            f"Fall-Nr. {chance.randint(10**4, 10**7)}",
            f"+49 30 {chance.randint(10**6, 10**7)}",
            f"{surname} {chance.randint(20, 90)} J",
        )
    )


def harmless_text(chance: random.Random) -> str:
    """Return a measurement or a term of a device."""
    value = chance.randint(1, 99)
    return chance.choice(
        (
            f"Depth {value / 4:.1f} cm",
            f"Gain {value} dB",
            f"{value}.{value % 10} mm",
            f"{90 + value}/{50 + value // 2} mmHg",
            f"HR {50 + value} bpm",
            f"MI 0.{value % 10} TI 0.{value % 7}",
            f"Zoom x{1 + value / 50:.1f}",
            f"REC 00:{value % 60:02d}:{value % 53:02d}",
            f"Frame {value * 37}",
            f"{value} %",
            f"2-{3 + value % 9} MHz",
            "OLYMPUS",
            "B-Mode",
        )
    )


def draw(
    picture: NDArray[np.uint8],
    chance: random.Random,
    font_files: Sequence[Path],
    sizes: Sequence[int] = SIZES,
    avoid: Box = (0, 0, 0, 0),
) -> tuple[NDArray[np.uint8], list[Line]]:
    """Draw lines in rows over an image (h, w, 3) RGB; return the image and the lines.

    Args:
        picture: (h, w, 3) uint8 RGB.
        chance: source of all choices.
        font_files: fonts to choose from.
        sizes: heights of the fonts to choose from, in pixels.
        avoid: box without lines, because the footage itself has text there.
    """
    canvas = Image.fromarray(picture).convert("RGBA")
    height, width = picture.shape[:2]
    lines: list[Line] = []
    for y, size in _rows(chance, height, sizes):
        x = chance.randint(12, 60)
        while True:
            identifies = chance.random() < 0.5
            text = identifying_text(chance) if identifies else harmless_text(chance)
            font = ImageFont.truetype(chance.choice(font_files), size)
            x1, y1, x2, y2 = (round(side) for side in font.getbbox(text))
            if x + x2 > width - 12:
                break
            style = chance.choice(STYLES)
            box = x + x1, y + y1, x + x2, y + y2
            if not touch(box, avoid):
                _draw_line(canvas, (x, y), text, font, style)
                lines.append(Line(text, identifies, size, style, box))
            x += x2 + 3 * size + chance.randint(0, 200)
    return np.asarray(canvas.convert("RGB")), lines


def touch(first: Box, second: Box) -> bool:
    """Return whether two boxes overlap."""
    return first[0] < second[2] and first[2] > second[0] and first[1] < second[3] and first[3] > second[1]


def _rows(chance: random.Random, height: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    y = 12
    while (size := chance.choice(sizes)) + y + 20 < height:
        yield y, size
        y += 2 * size + chance.randint(8, 60)


def _draw_line(
    canvas: Image.Image, corner: tuple[int, int], text: str, font: ImageFont.FreeTypeFont, style: str
) -> None:
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    x1, y1, x2, y2 = pen.textbbox(corner, text, font=font)
    background = (x1 - 6, y1 - 4, x2 + 6, y2 + 4)
    if style == "outlined":
        pen.text(
            corner, text, font=font, fill=(255, 255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0, 255)
        )
    elif style == "semi-transparent":
        pen.rectangle(background, fill=(0, 0, 0, 110))
        pen.text(corner, text, font=font, fill=(255, 255, 255, 190))
    else:
        dark, light = (16, 16, 16, 255), (238, 238, 238, 255)
        ground, ink = (dark, light) if style == "light on dark" else (light, dark)
        pen.rectangle(background, fill=ground)
        pen.text(corner, text, font=font, fill=ink)
    canvas.alpha_composite(layer)
