"""Redaction of pixels with OpenCV: fill, pixelation and blur."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.options import RedactionShape, RedactionStyle
from framecloak.domain.imaging.detections import FloatArray, Image

MAX_CELLS = 6
"""Maximum number of mosaic cells per axis of a box, whatever the size of the box."""

_MIN_HALF_HEIGHT_PX = 1e-6  # prevents a division by zero for a box without height

_MIN_CELL_PX = 4  # side of a cell in pixels; a box of 8 pixels keeps 2 x 2 cells


class _Box(NamedTuple):
    """Box with ordered, finite corners in pixels; it may extend beyond the image."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def columns(self) -> range:
        """Columns of pixels that the box touches, at least one."""
        return range(floor(self.x1), max(ceil(self.x2), floor(self.x1) + 1))

    @property
    def rows(self) -> range:
        """Rows of pixels that the box touches, at least one."""
        return range(floor(self.y1), max(ceil(self.y2), floor(self.y1) + 1))

    @property
    def image_slices(self) -> tuple[slice, slice]:
        """Rows and columns as an index into the image; slicing clips them at its right and lower edge."""
        rows, columns = self.rows, self.columns
        return slice(max(rows.start, 0), rows.stop), slice(max(columns.start, 0), columns.stop)


class OpenCvRedactor:
    """Redactor that fills, pixelates or blurs boxes. It is stateless and thread-safe."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        """Redact the pixels inside the boxes, in place.

        Pixelation averages a box over at most `MAX_CELLS` x `MAX_CELLS` cells. Blur smooths the same
        mosaic, so reversing the blur only restores the mosaic. Boxes may overlap and extend beyond the
        image; boxes that are fully outside have no effect.

        Args:
            image: (h, w, 3) uint8 BGR, contiguous; modified.
            boxes: (n, 4) ``x1, y1, x2, y2`` in pixels; every pixel that a box touches is inside it.
            style: redaction style.
            shape: the box itself, or the ellipse inscribed in it.

        Raises:
            ValueError: a coordinate is NaN; no box has been redacted in this case.
        """
        if np.isnan(boxes).any():
            raise ValueError("a box to redact has a coordinate that is not a number")
        for box in _overlapping_boxes(image, boxes):
            if style is RedactionStyle.SOLID:
                _fill(image, box, shape)
            else:
                _coarsen(image, box, shape, smooth=style is RedactionStyle.BLUR)


def _overlapping_boxes(image: Image, boxes: FloatArray) -> Iterator[_Box]:
    """Yield the boxes that overlap the image, with ordered and finite corners."""
    height, width = image.shape[:2]
    # Coordinates may be infinite. Beyond twice the image size, clipping them makes no difference.
    limit = 2.0 * max(width, height)
    corners = np.clip(boxes.astype(np.float64), -limit, limit).reshape(-1, 2, 2)
    ordered = np.hstack([corners.min(axis=1), corners.max(axis=1)])
    for box in map(_Box._make, ordered.tolist()):
        rows, columns = box.rows, box.columns
        if rows.start < height and rows.stop > 0 and columns.start < width and columns.stop > 0:
            yield box


def _fill(image: Image, box: _Box, shape: RedactionShape) -> None:
    if shape is RedactionShape.BOX:
        image[box.image_slices] = 0
    else:
        cv2.fillConvexPoly(image, _ellipse(box), (0, 0, 0))


def _coarsen(image: Image, box: _Box, shape: RedactionShape, *, smooth: bool) -> None:
    rows, columns = box.image_slices
    patch = image[rows, columns]
    height, width = patch.shape[:2]
    means = cv2.resize(patch, (_cell_count(width), _cell_count(height)), interpolation=cv2.INTER_AREA)
    interpolation = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    coarse = cv2.resize(means, (width, height), interpolation=interpolation)
    if shape is RedactionShape.BOX:
        patch[:] = coarse
        return
    mask = np.zeros((height, width), np.uint8)
    outline = _ellipse(box) - np.array([columns.start, rows.start], np.int32)
    cv2.fillConvexPoly(mask, outline, 255)
    cv2.copyTo(coarse, mask, patch)


def _cell_count(pixels: int) -> int:
    return min(MAX_CELLS, max(1, pixels // _MIN_CELL_PX))


def _ellipse(box: _Box) -> NDArray[np.int32]:
    """Return the outline of the pixels that the inscribed ellipse touches, clockwise.

    Each row of pixels contributes its two ends. Its width is the width of the ellipse at the height within
    the row that is nearest to the centre.

    Returns:
        (2 * rows, 2) int32 points ``x, y``.
    """
    rows = np.arange(box.rows.start, box.rows.stop)
    centre_x, centre_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    half_height = max((box.y2 - box.y1) / 2, _MIN_HALF_HEIGHT_PX)
    nearest = np.clip(np.maximum(np.abs(rows + 0.5 - centre_y) - 0.5, 0) / half_height, 0, 1)
    reach = (box.x2 - box.x1) / 2 * np.sqrt(1 - nearest**2)
    left = np.floor(centre_x - reach)
    right = np.maximum(np.ceil(centre_x + reach) - 1, left)
    outline = np.empty((2 * len(rows), 2), np.int32)
    outline[:, 1] = np.concatenate([rows, rows[::-1]])
    outline[:, 0] = np.concatenate([right, left[::-1]])
    return outline
