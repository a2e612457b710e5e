"""Drawn screen of a device: lines that identify a person, and lines that do not."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image

SIZE = 640, 544
NAME = "BERGMANN, ANNA"
LINES = {
    NAME: ((30, 60), "name", False),
    "12.03.1961": ((30, 120), "date_of_birth", False),
    "ID 20240815": ((30, 180), "identifier", False),
    "Ward 7 South": ((30, 240), "unproven", False),
    "10:33:05": ((30, 300), "time", False),
    "Depth 12.5 cm": ((30, 360), "measurement", True),
    "Gain 52 dB": ((30, 420), "measurement", True),
    "OLYMPUS": ((30, 480), "device", True),
}
"""Text, its lower left corner, the rule that decides under policy ``identifying``, and whether it is kept."""


def screen() -> Image:
    """Return the screen (544, 640, 3) BGR."""
    image = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    for text, (corner, *_) in LINES.items():
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (235,) * 3, 2, cv2.LINE_AA)
    return image
