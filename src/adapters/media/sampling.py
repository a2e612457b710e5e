"""Sampling of images through affine maps, with OpenCV."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.adapters.media.scaling import scaled
from framecloak.domain.imaging.detections import Image

_HALF_PIXEL = 0.5
_ROUNDING = 1e-6
"""Error of a step: a map that shrinks by four may have a determinant just below sixteen."""
_MARGIN_PX = 2
"""Pixels around the sampled region that interpolation reads."""


class OpenCvSampler:
    """Sampler of images through affine maps. It is thread-safe."""

    def sample(self, image: Image, matrix: NDArray[np.float64], width: int, height: int) -> Image:
        """Sample an image at the pixels of another one; see `ImageSampler`."""
        region, offset = _region(image, matrix, width, height)
        step = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
        shrink = max(1, math.floor(step + _ROUNDING))
        rows, columns = (max(1, side // shrink) for side in region.shape[:2])
        zoom = np.array([columns / region.shape[1], rows / region.shape[0]])
        small = scaled(region, columns, rows)
        into = np.column_stack([matrix[:, :2], matrix[:, 2] - offset]) * zoom[:, None]
        # From continuous coordinates to those of OpenCV, whose pixel i is centred at i.
        into[:, 2] += into[:, :2].sum(axis=1) * _HALF_PIXEL - _HALF_PIXEL
        enlarges = step < 1 - _ROUNDING
        flags = (cv2.INTER_CUBIC if enlarges else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        sampled = cv2.warpAffine(small, into, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(sampled, np.uint8)


def _region(
    image: Image, matrix: NDArray[np.float64], width: int, height: int
) -> tuple[Image, NDArray[np.float64]]:
    """Return the part of an image that the sampled pixels come from, and its upper left corner (x, y).

    Where the map reaches beyond a border, the part reaches as far into the image from there, because those
    positions are mirrored.
    """
    corners = matrix[:, :2] @ [[0, width, 0, width], [0, 0, height, height]] + matrix[:, 2:]
    low, high = np.floor(corners.min(axis=1)), np.ceil(corners.max(axis=1))
    size = np.array([image.shape[1], image.shape[0]], np.float64)
    mirrored_low, mirrored_high = np.minimum(low, 2 * size - high), np.maximum(high, -low)
    first = np.clip(mirrored_low - _MARGIN_PX, 0, size - 1).astype(int)
    last = np.clip(mirrored_high + _MARGIN_PX, first + 1, size).astype(int)
    beyond_twice = (low < -size).any() or (high > 2 * size).any()
    if beyond_twice:
        first, last = np.zeros(2, int), size.astype(int)
    # A border inside the image must not be mirrored at: the region keeps a true border only where it has one.
    region = image[first[1] : last[1], first[0] : last[0]]
    return np.ascontiguousarray(region), first.astype(np.float64)
