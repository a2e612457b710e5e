"""Screening of turned images: where a faster detector sees nothing, the first one need not look.

A face that stands upright in a turned image shows to both detectors. One that is tilted in it often shows to
the first one only, but that one finds it in a neighbouring direction too. BENCHMARKS.md ("Residual check")
has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from framecloak.domain.anonymization.detection.scales import Tile, tiles
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.models import FaceDetector

SCREENING_SCORE = 0.2
"""Score of the faster detector from which on the first one looks."""

MIN_TILE_PX = 128
"""Smallest side of a tile in pixels: detectors need some surroundings."""

SURROUNDINGS = 1.0
"""Width of the surroundings of a face that a tile shows, in units of its size."""

CORE_MARGIN = 0.25
"""Distance, in units of its size, from a face within which another one with its centre there is the same."""

MAX_TILED_SHARE = 0.6
"""Share of the image that tiles may cover together; above it, the whole is looked at."""


def screened_tiles(screen: FaceDetector, image: Image, stride: int) -> Iterator[Tile]:
    """Yield the parts of an image in which the first detector has to look; they may overlap.

    Tiles begin at multiples of the stride, so that a detector sees the pixels in the same cells as in the
    whole image.

    Args:
        screen: faster detector.
        image: (h, w, 3) uint8 RGB, with sides that are multiples of ``stride``.
        stride: number of pixels that the sides of tiles must be multiples of.

    Raises:
        FrameAnalysisError: the faster detector failed.
    """
    height, width = image.shape[:2]
    whole = list(tiles(width, height, stride))
    if stride % screen.stride:
        yield from whole
        return
    around = [_tile(box, (width, height), stride) for part in whole for box in _seen(screen, image, part)]
    if sum(tile.width * tile.height for tile in around) > MAX_TILED_SHARE * width * height:
        yield from whole
    else:
        yield from around


def _seen(screen: FaceDetector, image: Image, part: Tile) -> Boxes:
    """Return what a detector sees in a part of an image, (n, 4) pixels of the image."""
    pixels = image[part.y : part.y + part.height, part.x : part.x + part.width]
    (found,) = screen.detect([np.ascontiguousarray(pixels)], SCREENING_SCORE)
    boxes = box_geometry.shift(found.boxes.astype(np.float64), np.array([part.x, part.y], np.float64))
    return np.asarray(boxes[part.owns(boxes)])


def _tile(box: Boxes, size: tuple[int, int], stride: int) -> Tile:
    """Return the tile around a box (4,) in an image of a size."""
    extent = float(box_geometry.size(box))
    x1, y1, x2, y2 = box_geometry.pad(box, SURROUNDINGS * extent).tolist()
    x, width = _span(x1, x2, size[0], stride)
    y, height = _span(y1, y2, size[1], stride)
    left, top, right, bottom = box_geometry.pad(box, CORE_MARGIN * extent).tolist()
    return Tile(x, y, width, height, (left, top, right, bottom))


def _span(low: float, high: float, side: int, stride: int) -> tuple[int, int]:
    """Return start and length of the part of a side that holds an interval, both multiples of the stride."""
    short = max(0.0, MIN_TILE_PX - (high - low)) / 2
    first = math.floor(np.clip(low - short, 0, side - 1) / stride) * stride
    last = math.ceil(np.clip(high + short, first + 1, side) / stride) * stride
    return first, last - first
