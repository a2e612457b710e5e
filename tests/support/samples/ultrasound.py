"""Drawn screen of an ultrasound device: moving speckle in a sector, settings, a depth scale and calipers."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image

SIZE = 960, 640
LINES = {
    "NOWAK, ZOFIA": ((24, 30), False),
    "*04.11.1957": ((300, 30), False),
    "ID 55120871": ((520, 30), False),
    "14.02.2026 09:41:07": ((690, 30), False),
    "Praxis Lindenhof": ((24, 620), False),
    "Z. Nowak 57": ((400, 330), False),
    "B-Mode": ((24, 110), True),
    "MI 0.8 TIS 0.3": ((24, 150), True),
    "FR 32 Hz": ((24, 190), True),
    "Gain 54 dB": ((24, 230), True),
    "Depth 16.0 cm": ((24, 270), True),
    "2-5 MHz": ((24, 310), True),
    "C5-1": ((24, 350), True),
    "1 Dist 3.67 cm": ((730, 540), True),
    "D2 41.3 mm": ((730, 575), True),
    "Vol 51.2 ml": ((730, 610), True),
    "5": ((800, 210), True),
    "10": ((800, 330), True),
    "15": ((800, 450), True),
}
"""Text, its lower left corner, and whether policy ``identifying`` keeps it."""
PROBE = "C5-1"
"""Name of the probe, which an installation lists among the terms of its devices."""
_FONT, _SCALE, _THICKNESS = cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2
_APEX, _RADIUS, _OPENING = (460, 60), 520, 36.0


def ultrasound_screen(frame: int = 0) -> Image:
    """Draw a frame of the screen (640, 960, 3) BGR; only the speckle moves."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, radius = np.degrees(np.arctan2(x - _APEX[0], y - _APEX[1])), np.hypot(x - _APEX[0], y - _APEX[1])
    noise = np.random.default_rng(frame).rayleigh(60, (130, 160)).astype(np.float32)
    speckle = cv2.remap(noise, (angle + _OPENING) * 2.2, radius / 4, cv2.INTER_LINEAR)
    levels = np.where((np.abs(angle) < _OPENING) & (radius > 40) & (radius < _RADIUS), speckle, 10)
    image = np.repeat(np.clip(levels, 10, 200).astype(np.uint8)[..., None], 3, axis=2)
    for text, (corner, _) in LINES.items():
        cv2.putText(image, text, corner, _FONT, _SCALE, (235,) * 3, _THICKNESS, cv2.LINE_AA)
    return image


def letters(text: str) -> tuple[int, int, int, int]:
    """Return the box of the letters of a line."""
    (x, y), _ = LINES[text]
    (width, height), _ = cv2.getTextSize(text, _FONT, _SCALE, _THICKNESS)
    return x, y - height, x + width, y
