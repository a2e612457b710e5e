"""Face crops: of removed faces for comparison, and of redacted faces as thumbnails for review."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.residuals import FaceCrop, FaceThumbnail
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.pixels import FrameEncoder

CROP_MARGIN = 0.25
"""Margin of a crop on each side, as a share of the box; the face then fills about half of the crop."""

MAX_CROP_SIDE_PX = 320
"""Maximum side of a crop in pixels; more than the input size of any recogniser."""

THUMBNAIL_SIDE_PX = 96
THUMBNAIL_INTERVAL_FRAMES = 5
"""Interval in frames between thumbnails of a track; no track is shorter."""
MAX_THUMBNAILS_PER_FRAME = 4
MAX_THUMBNAIL_SCORE = 0.75
"""Score from which a detection gets no thumbnail."""

THUMBNAIL_MARGIN = 0.8
"""Margin of a thumbnail on each side, as a share of the box."""

_THUMBNAIL_APPEARANCE = Appearance(OutputFormat.JPG, quality=60)


def crop(image: Image, area: Corners, max_side: int = MAX_CROP_SIDE_PX) -> Image:
    """Return the pixels of an area; averaged over k x k pixels if the area exceeds the maximum size.

    Args:
        image: (height, width, 3) uint8.
        area: Non-empty area inside the image.
        max_side: maximum side of the result in pixels.

    Returns:
        (h, w, 3) uint8, a new array.
    """
    x1, y1, x2, y2 = area
    k = math.ceil(max(x2 - x1, y2 - y1) / max_side)
    pixels = image[y1:y2, x1:x2]
    if k == 1 or min(pixels.shape[:2]) < k:
        return pixels.copy()
    height, width = (side // k for side in pixels.shape[:2])
    cells = pixels[: height * k, : width * k].reshape(height, k, width, k, 3)
    means: Image = cells.mean(axis=(1, 3)).round().astype(np.uint8)
    return means


def stretch(image: Image, factors: tuple[float, float]) -> Image:
    """Return an image enlarged along its axes by linear interpolation.

    Args:
        image: (height, width, 3) uint8.
        factors: horizontal and vertical factor, at least 1.

    Returns:
        (h, w, 3) uint8; the same array if both factors are 1.
    """
    for axis, factor in ((1, factors[0]), (0, factors[1])):
        length = image.shape[axis]
        stretched = max(1, round(length * factor))
        if stretched == length:
            continue
        middles = np.clip((np.arange(stretched) + 0.5) * length / stretched - 0.5, 0, length - 1)
        before = np.floor(middles).astype(int)
        weight = (middles - before).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        first = image.take(before, axis)
        second = image.take(np.minimum(before + 1, length - 1), axis)
        image = np.round(first + weight * (second.astype(np.float32) - first)).astype(np.uint8)
    return image


def expand(box: Corners, share: float, image: Image) -> Corners:
    """Expand a box by a share of its width and height on each side, clipped to the image."""
    grown = box_geometry.grow(np.array(box, np.float64), share)
    x1, y1, x2, y2 = box_geometry.clip(grown, image.shape[1], image.shape[0]).round().astype(int).tolist()
    return x1, y1, x2, y2


def face_crops(image: Image, faces: Iterable[Corners]) -> tuple[FaceCrop, ...]:
    """Crop the faces that are about to be removed; ``image`` is (height, width, 3) uint8 BGR."""
    areas = [(box, expand(box, CROP_MARGIN, image)) for box in faces]
    return tuple(FaceCrop(box, area, crop(image, area)) for box, area in areas)


def thumbnails(
    image: Image,
    faces: Iterable[tuple[int | None, Corners, float | None]],
    encoder: FrameEncoder,
    stretched_by: tuple[float, float] = (1.0, 1.0),
) -> tuple[FaceThumbnail, ...]:
    """Return thumbnails of the redacted faces with the lowest scores in a frame.

    Args:
        image: (height, width, 3) uint8 BGR, redacted.
        faces: track, box and score of each face; faces without a track are skipped.
        encoder: JPEG encoder.
        stretched_by: horizontal and vertical factor, at least 1, that make the pixels square.
    """
    margin, side = THUMBNAIL_MARGIN, THUMBNAIL_SIDE_PX
    doubtful = sorted(
        (score, track, box)
        for track, box, score in faces
        if track is not None and score is not None and score < MAX_THUMBNAIL_SCORE
    )
    return tuple(
        FaceThumbnail(
            track,
            encoder.encode(
                stretch(crop(image, expand(box, margin, image), side), stretched_by), _THUMBNAIL_APPEARANCE
            ),
        )
        for _, track, box in doubtful[:MAX_THUMBNAILS_PER_FRAME]
    )
