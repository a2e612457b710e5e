"""Thumbnails of frames, in which heads are followed."""

from __future__ import annotations

import numpy as np

from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.imaging.detections import Image

THUMBNAIL_SIDE_PX = 640
"""Longest side in pixels of a thumbnail."""

_GREEN = 1


def thumbnail(image: Image, frame_size: tuple[int, int]) -> Thumbnail:
    """Return the thumbnail of a frame: means of its green channel, which carries most of the luminance.

    Args:
        image: (h, w, 3) uint8 RGB, the frame at any size.
        frame_size: width and height of the frame in pixels.
    """
    shrink = -(-max(image.shape[:2]) // THUMBNAIL_SIDE_PX)
    rows, columns = image.shape[0] // shrink, image.shape[1] // shrink
    green = image[: rows * shrink, : columns * shrink, _GREEN]
    zoom = frame_size[0] * shrink / image.shape[1], frame_size[1] * shrink / image.shape[0]
    if shrink == 1:
        return Thumbnail(np.ascontiguousarray(green), zoom)
    summed = np.zeros((rows, columns), np.uint32)
    for y in range(shrink):
        for x in range(shrink):
            summed += green[y::shrink, x::shrink]
    return Thumbnail((summed // shrink**2).astype(np.uint8), zoom)
