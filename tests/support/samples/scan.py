"""A drawn ultrasound scan: what moves is noise, and what stands still is written over it."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image

SIZE = (640, 480)
TEXTS = (("MEYER, KLARA  *1956-03-12", (40, 40), 0.7, 2), ("MI 0.8  12 cm", (500, 120), 0.55, 1))
"""What is written, where its line begins, how large and how thick."""


def scan(frame: int) -> Image:
    """(480, 640, 3) BGR: one frame; nobody's name."""
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    speckles = np.random.default_rng(frame).integers(20, 120, (44, 56, 1), np.uint8)
    moving = cv2.resize(np.repeat(speckles, 3, axis=2), (448, 350), interpolation=cv2.INTER_CUBIC)
    picture[70:420, 40:488] = moving
    for words, place, size, thickness in TEXTS:
        cv2.putText(picture, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), thickness)
    return picture
