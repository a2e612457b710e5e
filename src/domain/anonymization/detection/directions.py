"""Geometry of turned images: the directions in which detectors look, and the way back to the frame.

A direction is the number of degrees by which an image is turned clockwise before detection. Coordinates are
continuous: an image of width w spans [0, w], and pixel i is centred at i + 0.5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.pixels import ImageSampler

Affine = NDArray[np.float64]
"""(2, 3) affine map of points ``(x, y)``."""

NEIGHBOUR_DEGREES = 45
"""Angle between neighbouring directions."""


def turned_size(width: int, height: int, direction: int, stride: int) -> tuple[int, int]:
    """Return width and height of a turned image that holds the whole original.

    Args:
        width: width of the original in pixels, a multiple of the stride.
        height: height of the original in pixels, a multiple of the stride.
        direction: degrees, a multiple of 45.
        stride: number of pixels that both sides are multiples of.
    """
    if direction % 180 == 0:
        return width, height
    if direction % 90 == 0:
        return height, width
    side = math.ceil((width + height) / math.sqrt(2) / stride) * stride
    return side, side


def map_from_turned(size: tuple[int, int], turned: tuple[int, int], direction: float) -> Affine:
    """Return the map from pixels of a turned image to those of the original.

    Args:
        size: width and height of the original.
        turned: width and height of the turned image; both centres coincide.
        direction: degrees by which the original was turned clockwise.
    """
    linear = rotation(direction).T
    return np.column_stack([linear, np.array(size) / 2 - linear @ np.array(turned) / 2])


def rotation(degrees: float) -> NDArray[np.float64]:
    """Return the (2, 2) matrix of a clockwise rotation in image coordinates; exact for quarter turns."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    if degrees % 90 == 0:
        cosine, sine = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(degrees) // 90 % 4]
    return np.array([[cosine, -sine], [sine, cosine]], np.float64)


def turn(image: Image, direction: int, turned: tuple[int, int], sampler: ImageSampler) -> Image:
    """Turn an image clockwise; positions outside the original are mirrored at its borders.

    Args:
        image: (h, w, 3) uint8.
        direction: degrees, a multiple of 45.
        turned: width and height of the result.
        sampler: sampler for directions that are no quarter turns.
    """
    if direction % 90 == 0:
        return np.ascontiguousarray(np.rot90(image, -direction // 90))
    size = image.shape[1], image.shape[0]
    return sampler.sample(image, map_from_turned(size, turned, direction), *turned)


def map_boxes(boxes: Boxes, matrix: Affine) -> Boxes:
    """Return the upright boxes around the ellipses inscribed in boxes (n, 4), after an affine map."""
    centres = map_points(box_geometry.centre(boxes), matrix)
    halves = box_geometry.sides(boxes) / 2
    reach = np.sqrt(np.square(halves[:, None] * matrix[:, :2]).sum(axis=2))
    return np.concatenate([centres - reach, centres + reach], axis=1)


def map_points(points: NDArray[np.floating], matrix: Affine) -> NDArray[np.float64]:
    """Return points (..., 2) after an affine map."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def zoomed(matrix: Affine, zoom: tuple[float, float]) -> Affine:
    """Return a map whose results are scaled afterwards, horizontally and vertically."""
    return np.asarray(matrix * np.array(zoom)[:, None])


def map_landmarks(landmarks: FloatArray, matrix: Affine) -> FloatArray:
    """Return landmarks (n, 5, 2) after an affine map, as float32."""
    return map_points(landmarks, matrix).astype(np.float32)
