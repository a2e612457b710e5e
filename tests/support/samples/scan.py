"""A drawn ultrasound scan: moving noise, with static text over it."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image

SIZE = (640, 480)
TEXTS = (("MEYER, KLARA  *1956-03-12", (40, 40), 0.7, 2), ("MI 0.8  12 cm", (500, 120), 0.55, 1))
"""Text, start of its line, font scale and thickness."""


def scan(frame: int) -> Image:
    """Draw (480, 640, 3) BGR: one frame with a fictitious name."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    speckles = np.random.default_rng(frame).integers(20, 120, (44, 56, 1), np.uint8)
    moving = cv2.resize(np.repeat(speckles, 3, axis=2), (448, 350), interpolation=cv2.INTER_CUBIC)
    image[70:420, 40:488] = moving
    for words, origin, size, thickness in TEXTS:
        cv2.putText(image, words, origin, cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), thickness)
    return image
