"""Overlays of a clinic's devices, drawn over footage, with the exact place of each line."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.anonymization.text.fonts import Family

SIZES = (12, 14, 16, 20, 24, 32, 40, 48)
MARGIN_PX = 8
"""Width of the ground and the outline around the letters of a line, at most."""
STYLES = ("light on dark", "dark on light", "outlined", "semi-transparent")
PLAIN = "plain"
"""Style of light letters on the ground of a device."""

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
        family: family of its font.
    """

    text: str
    identifies: bool
    size: int
    style: str
    box: Box
    family: str


@dataclass
class Overlay:
    """Lines drawn on a transparent image.

    Attributes:
        image: RGBA.
        lines: the lines.
    """

    image: Image.Image
    lines: list[Line]

    @classmethod
    def empty(cls, size: tuple[int, int]) -> Self:
        """Return an overlay of a width and height in pixels without lines."""
        return cls(Image.new("RGBA", size, (0, 0, 0, 0)), [])

    def write(self, line: Line, corner: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
        """Add a line whose text starts at a corner."""
        x1, y1, x2, y2 = line.box
        place = max(0, x1 - MARGIN_PX), max(0, y1 - MARGIN_PX)
        size = x2 + MARGIN_PX - place[0], y2 + MARGIN_PX - place[1]
        drawn = _drawn_line(size, (corner[0] - place[0], corner[1] - place[1]), line.text, font, line.style)
        self.image.alpha_composite(drawn, place)
        self.lines.append(line)

    def over(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image (h, w, 3) RGB of the size of the overlay with the lines on it."""
        canvas = Image.fromarray(picture).convert("RGBA")
        canvas.alpha_composite(self.image)
        return np.asarray(canvas.convert("RGB"))


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
    size: tuple[int, int],
    chance: random.Random,
    families: Sequence[Family],
    sizes: Sequence[int] = SIZES,
    avoid: Box = (0, 0, 0, 0),
) -> Overlay:
    """Draw lines in rows.

    Args:
        size: width and height of the overlay in pixels.
        chance: source of all choices.
        families: fonts to choose from.
        sizes: heights of the fonts to choose from, in pixels.
        avoid: box without lines, because the footage itself has text there.
    """
    overlay = Overlay.empty(size)
    for y, height in _rows(chance, size[1], sizes):
        x = chance.randint(12, 60)
        while True:
            identifies = chance.random() < 0.5
            text = identifying_text(chance) if identifies else harmless_text(chance)
            family, font = font_for(text, height, chance, families)
            x1, y1, x2, y2 = (round(side) for side in font.getbbox(text))
            if x + x2 > size[0] - 12:
                break
            style = chance.choice(STYLES)
            box = x + x1, y + y1, x + x2, y + y2
            if not touch(box, avoid):
                overlay.write(Line(text, identifies, height, style, box, family), (x, y), font)
            x += x2 + 3 * height + chance.randint(0, 200)
    return overlay


def font_for(
    text: str, height: int, chance: random.Random, families: Sequence[Family]
) -> tuple[str, ImageFont.FreeTypeFont]:
    """Choose a font that has all characters of a text; return the name of its kind, and the font."""
    while True:
        family = chance.choice(families)
        if path := family.file_for(text, chance):
            return family.name_of(path), ImageFont.truetype(path, height)


def touch(first: Box, second: Box) -> bool:
    """Return whether two boxes overlap."""
    return first[0] < second[2] and first[2] > second[0] and first[1] < second[3] and first[3] > second[1]


def _rows(chance: random.Random, height: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    y = 12
    while (size := chance.choice(sizes)) + y + 20 < height:
        yield y, size
        y += 2 * size + chance.randint(8, 60)


def _drawn_line(
    size: tuple[int, int], corner: tuple[int, int], text: str, font: ImageFont.FreeTypeFont, style: str
) -> Image.Image:
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    x1, y1, x2, y2 = pen.textbbox(corner, text, font=font)
    background = (x1 - 6, y1 - 4, x2 + 6, y2 + 4)
    if style == "outlined":
        pen.text(
            corner, text, font=font, fill=(255, 255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0, 255)
        )
    elif style == PLAIN:
        pen.text(corner, text, font=font, fill=(225, 225, 225, 255))
    elif style == "semi-transparent":
        pen.rectangle(background, fill=(0, 0, 0, 110))
        pen.text(corner, text, font=font, fill=(255, 255, 255, 190))
    else:
        dark, light = (16, 16, 16, 255), (238, 238, 238, 255)
        ground, ink = (dark, light) if style == "light on dark" else (light, dark)
        pen.rectangle(background, fill=ground)
        pen.text(corner, text, font=font, fill=ink)
    return layer
