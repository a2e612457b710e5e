"""The beginning of the demo's film, in any size: what a test needs of it, without shooting all of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.processes.demo import video as demo_film


def demo_shots(count: int, size: tuple[int, int] = demo_film.SIZE) -> Iterator[Image]:
    """Yield the first pictures (h, w, 3) BGR of a camera that moves over six people."""
    photograph = demo_film._photograph()
    for number in range(count):
        shot = demo_film._shot(photograph, number / (demo_film.FRAMES - 1))
        yield np.asarray(cv2.resize(shot, size, interpolation=cv2.INTER_AREA), np.uint8)
