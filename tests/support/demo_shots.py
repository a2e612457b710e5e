"""First frames of the demo video in any size, without rendering all of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from framecloak.domain.imaging.detections import Image
from framecloak.entrypoints.processes.demo import video


def demo_shots(count: int, size: tuple[int, int] = video.SIZE) -> Iterator[Image]:
    """Yield the first frames (h, w, 3) BGR of a camera that pans over six people."""
    photograph = video._read_photograph()
    for number in range(count):
        shot = video._camera_view(photograph, number / (video.FRAMES - 1))
        yield np.asarray(cv2.resize(shot, size, interpolation=cv2.INTER_AREA), np.uint8)
