"""Drawn screens of endoscopes: a view of tissue on plain ground, with lines of text beside it and in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import Image

LINES = ("KOWALSKA, ANNA", "12.03.1961", "ID 20240815", "OLYMPUS", "Depth 12.5 cm", "MI 0.8 TI 0.2")
LINE_IN_VIEW = "A. Kowalska 07"
SIZE = 1280, 720
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.8


@dataclass(frozen=True)
class EndoscopeScreen:
    """Drawn screen.

    Attributes:
        image: (720, 1280, 3) RGB.
        view: box of the view.
        lines: boxes of the letters of each line, one in the view last.
    """

    image: Image
    view: tuple[int, int, int, int]
    lines: list[tuple[int, int, int, int]]


def endoscope_screen(
    shape: str, seed: int = 0, ground: int = 12, radius: int = 300, *, text_in_view: bool = True
) -> EndoscopeScreen:
    """Draw a screen with a round, octagonal or square view, whose tissue depends on the seed."""
    width, height = SIZE
    centre = np.array([700, 360])
    image = np.full((height, width, 3), ground, np.uint8)
    inside = np.zeros((height, width), np.uint8)
    if shape == "round":
        cv2.circle(inside, (700, 360), radius, 255, -1, cv2.LINE_AA)
    else:
        reach = radius if shape == "square" else round(0.6 * radius)
        corners = [(reach, radius), (radius, reach), (radius, -reach), (reach, -radius)]
        corners += [(-x, -y) for x, y in corners]
        cv2.fillPoly(inside, [(centre + np.array(corners)).astype(np.int32)], 255, cv2.LINE_AA)
    share = inside[..., None] / 255.0
    image = np.asarray(image * (1 - share) + _tissue(seed) * share, np.uint8)
    lines = [_write(image, text, (30, 60 + 50 * row)) for row, text in enumerate(LINES)]
    if text_in_view:
        lines.append(_write(image, LINE_IN_VIEW, (600, 460)))
    return EndoscopeScreen(image, (700 - radius, 360 - radius, 700 + radius, 360 + radius), lines)


def _tissue(seed: int) -> NDArray[np.float64]:
    """Return soft tissue, lit in the middle, (720, 1280, 3) RGB."""
    random = np.random.default_rng(seed)
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - random.integers(620, 780), y - random.integers(280, 440)) / 720
    texture = np.full((height, width), 0.65)
    for size, contrast in ((120, 0.25), (40, 0.2), (12, 0.08)):
        coarse = random.random((height // size, width // size))
        texture += contrast * cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    light = np.clip(1.1 - 1.2 * distance, 0.15, 1) * texture
    tissue = np.clip(light[..., None] * np.array([210.0, 110.0, 85.0]), 0, 255)
    blurred: NDArray[np.float64] = cv2.GaussianBlur(tissue, (0, 0), 1.2)
    return blurred


def _write(image: Image, text: str, corner: tuple[int, int]) -> tuple[int, int, int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, _SCALE, 2)
    cv2.putText(image, text, corner, _FONT, _SCALE, (235, 235, 235), 2, cv2.LINE_AA)
    return corner[0], corner[1] - height, corner[0] + width, corner[1]
