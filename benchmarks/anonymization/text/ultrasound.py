"""Drawn screens of ultrasound devices: moving speckle, with settings, a depth scale and calipers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from benchmarks.anonymization.text.fonts import Family
from benchmarks.anonymization.text.overlays import (
    GIVEN_NAMES,
    PLAIN,
    SURNAMES,
    Line,
    Overlay,
    touch,
)

PROBES = ("C5-1", "L12-3", "S5-1", "C1-5-D", "SL15-4", "9L-D")
"""Names of probes, which an installation lists among the terms of its devices."""
HEADER_PX = (16, 20, 24)
SETTING_PX = (16, 18, 20)
_GROUND = 10
_APEX, _RADII, _OPENING = (560, 40), (60, 640), 38.0
_SPECKLE = (232, 116)


def draw_ultrasound(size: tuple[int, int], chance: random.Random, families: Sequence[Family]) -> Overlay:
    """Draw the lines of a screen: who is examined, settings, depth scale, and measurements with calipers.

    Args:
        size: width and height of the screen in pixels.
        chance: source of all choices.
        families: fonts to choose from; one for the screen.
    """
    overlay = Overlay.empty(size)
    family = chance.choice([each for each in families if each.has_all])
    path = chance.choice(family.files)
    font = Font(family.name_of(path), path)
    width, height = size
    x, header = 24, chance.choice(HEADER_PX)
    for text in _header(chance):
        x = _write(overlay, text, (x, 12), font.of(header), identifies=True) + 3 * header
    px = chance.choice(SETTING_PX)
    for row, text in enumerate(_settings(chance)):
        _write(overlay, text, (24, 90 + 2 * row * px), font.of(px), identifies=False)
    for row, text in enumerate(_calipers(chance)):
        _write(overlay, text, (width - 260, height - 60 - 2 * row * px), font.of(px), identifies=False)
    step = chance.choice((2, 5))
    for row in range(5):
        y = round(_APEX[1] + _RADII[0] + row * (_RADII[1] - _RADII[0]) / 4.2)
        _write(overlay, str(row * step), (width - 310, y), font.of(px), identifies=False)
    return overlay


def scans(size: tuple[int, int], seed: int) -> Iterator[NDArray[np.uint8]]:
    """Yield frames (h, w, 3) RGB of a sector whose speckle moves slowly, on the ground of the device."""
    angles, radii, inside = _polar(size)
    noise = np.random.default_rng(seed)
    coarse = cv2.resize(noise.random((9, 16)), _SPECKLE, interpolation=cv2.INTER_CUBIC)
    speckle = noise.rayleigh(0.5, _SPECKLE[::-1])
    while True:
        # A quarter of the speckle is new in each frame, as between two scans of tissue that hardly moves.
        fresh = noise.random(speckle.shape) < 0.25
        speckle[fresh] = noise.rayleigh(0.5, int(fresh.sum()))
        levels = np.clip(150 * speckle * (0.25 + coarse), 0, 255).astype(np.float32)
        sector = cv2.remap(levels, angles, radii, cv2.INTER_LINEAR)
        image = np.where(inside, np.maximum(sector, _GROUND), _GROUND).astype(np.uint8)
        yield np.repeat(image[..., None], 3, axis=2)


def _write(
    overlay: Overlay,
    text: str,
    corner: tuple[int, int],
    font: Font,
    *,
    identifies: bool,
) -> int:
    """Write a line unless it would leave the screen or touch another; return where it ends."""
    px, letters = font.px, font.letters
    x1, y1, x2, y2 = (round(side) for side in letters.getbbox(text))
    box = corner[0] + x1, corner[1] + y1, corner[0] + x2, corner[1] + y2
    around = box[0] - px, box[1] - 4, box[2] + px, box[3] + 4
    free = not any(touch(around, line.box) for line in overlay.lines)
    if free and box[2] < overlay.image.width - 8 and box[3] < overlay.image.height - 8:
        overlay.write(Line(text, identifies, px, PLAIN, box, font.family), corner, letters)
    return box[2]


@dataclass(frozen=True)
class Font:
    """Font of a screen.

    Attributes:
        family: name of its family.
        path: its file.
        px: its height in pixels.
    """

    family: str
    path: Path
    px: int = 16

    @property
    def letters(self) -> ImageFont.FreeTypeFont:
        """The font at its height."""
        return ImageFont.truetype(self.path, self.px)

    def of(self, px: int) -> Font:
        """Return the font at another height."""
        return replace(self, px=px)


def _header(chance: random.Random) -> list[str]:
    surname, given = chance.choice(SURNAMES), chance.choice(GIVEN_NAMES)
    born = f"{chance.randint(1, 28):02d}.{chance.randint(1, 12):02d}.{chance.randint(1930, 2015)}"
    seen = f"{chance.randint(1, 28):02d}.{chance.randint(1, 12):02d}.2026"
    return [
        f"{surname}, {given}",
        f"*{born}",
        f"ID {chance.randint(10**6, 10**8)}",
        f"{seen} {chance.randint(8, 17):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}",
        chance.choice(("Klinikum Nord", "St. Anna Hospital", "Praxis Dr. Becker")),
    ]


def _settings(chance: random.Random) -> list[str]:
    texts = [
        "B-Mode",
        f"MI 0.{chance.randint(2, 9)} TIS 0.{chance.randint(1, 9)}",
        f"FR {chance.randint(18, 60)} Hz",
        f"Gain {chance.randint(20, 80)} dB",
        f"DR {chance.randint(40, 80)} dB",
        f"Depth {chance.randint(8, 32) / 2:.1f} cm",
        f"PRF {chance.randint(8, 40) / 10:.1f} kHz",
        f"{chance.randint(2, 5)}-{chance.randint(6, 12)} MHz",
        chance.choice(("THI", "CFM", "Doppler")),
        chance.choice(PROBES),
    ]
    return chance.sample(texts, chance.randint(7, len(texts)))


def _calipers(chance: random.Random) -> list[str]:
    texts = [
        f"1 Dist {chance.randint(50, 900) / 100:.2f} cm",
        f"D2 {chance.randint(50, 900) / 10:.1f} mm",
        f"Area {chance.randint(20, 300) / 10:.1f} cm2",
        f"Vol {chance.randint(20, 900) / 10:.1f} ml",
        f"HR {chance.randint(50, 170)} bpm",
        f"RI 0.{chance.randint(40, 90)}",
        f"Vmax {chance.randint(200, 990) / 10:.1f} cm/s",
    ]
    return chance.sample(texts, chance.randint(3, 5))


@cache
def _polar(size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return the column and row of the speckle that each pixel shows, and whether it is in the sector."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = np.degrees(np.arctan2(x - _APEX[0], y - _APEX[1]))
    radius = np.hypot(x - _APEX[0], y - _APEX[1])
    inside = (np.abs(angle) <= _OPENING) & (radius >= _RADII[0]) & (radius <= _RADII[1])
    columns = (angle + _OPENING) / (2 * _OPENING) * (_SPECKLE[0] - 1)
    rows = (radius - _RADII[0]) / (_RADII[1] - _RADII[0]) * (_SPECKLE[1] - 1)
    return columns.astype(np.float32), rows.astype(np.float32), inside
