"""The beginning of the demo's film, in any size: what a test needs of it, without shooting all of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.processes.demo import video


def demo_shots(count: int, size: tuple[int, int] = video.SIZE) -> Iterator[Image]:
    """Yield the first pictures (h, w, 3) BGR of a camera that moves over six people."""
    photograph = video._read_photograph()
    for number in range(count):
        shot = video._camera_view(photograph, number / (video.FRAMES - 1))
        yield np.asarray(cv2.resize(shot, size, interpolation=cv2.INTER_AREA), np.uint8)
