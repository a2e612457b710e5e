"""Face crops: of removed faces for comparison, and of redacted faces as thumbnails for review."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance, OutputFormat
from framecloak.domain.anonymization.model.residuals import Portrait, Thumbnail
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Corners
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.pixels import FrameEncoder

AROUND = 0.25
"""Margin of a crop on each side, as a share of the box; the face then fills about half of the crop."""

LARGEST_PORTRAIT = 320
"""Maximum side of a crop in pixels; more than the input size of any recogniser."""

THUMBNAIL_SIDE = 96
THUMBNAIL_EVERY = 5
"""Interval in frames between thumbnails of a track; no track is shorter."""
THUMBNAILS_A_FRAME = 4
DOUBTFUL = 0.75
"""Score from which a detection gets no thumbnail."""

WIDE = 0.8
"""Margin of a thumbnail on each side, as a share of the box."""

_LOOK = Appearance(OutputFormat.JPG, quality=60)


def cut(image: Image, area: Corners, largest: int = LARGEST_PORTRAIT) -> Image:
    """Return the pixels of an area; averaged over k x k pixels if the area exceeds the maximum size.

    Args:
        image: (height, width, 3) uint8.
        area: Non-empty area inside the image.
        largest: Maximum side of the result in pixels.

    Returns:
        (h, w, 3) uint8, a new array.
    """
    x1, y1, x2, y2 = area
    k = math.ceil(max(x2 - x1, y2 - y1) / largest)
    pixels = image[y1:y2, x1:x2]
    if k == 1 or min(pixels.shape[:2]) < k:
        return pixels.copy()
    height, width = (side // k for side in pixels.shape[:2])
    cells = pixels[: height * k, : width * k].reshape(height, k, width, k, 3)
    means: Image = cells.mean(axis=(1, 3)).round().astype(np.uint8)
    return means


def around(box: Corners, share: float, image: Image) -> Corners:
    """Expand a box by a share of its width and height on each side, clipped to the image."""
    grown = bx.grow(np.array(box, np.float64), share)
    x1, y1, x2, y2 = bx.clip(grown, image.shape[1], image.shape[0]).round().astype(int).tolist()
    return x1, y1, x2, y2


def portraits(image: Image, faces: Iterable[Corners]) -> tuple[Portrait, ...]:
    """Crop the faces that are about to be removed; ``image`` is (height, width, 3) uint8 BGR."""
    areas = [(box, around(box, AROUND, image)) for box in faces]
    return tuple(Portrait(box, area, cut(image, area)) for box, area in areas)


def thumbnails(
    image: Image, faces: Iterable[tuple[int | None, Corners, float | None]], encoder: FrameEncoder
) -> tuple[Thumbnail, ...]:
    """Return thumbnails of the redacted faces with the lowest scores in a frame.

    Args:
        image: (height, width, 3) uint8 BGR, redacted.
        faces: Track, box and score of each face; faces without a track are skipped.
        encoder: JPEG encoder.
    """
    doubtful = sorted(
        (score, track, box)
        for track, box, score in faces
        if track is not None and score is not None and score < DOUBTFUL
    )
    return tuple(
        Thumbnail(track, encoder.encode(cut(image, around(box, WIDE, image), THUMBNAIL_SIDE), _LOOK))
        for _, track, box in doubtful[:THUMBNAILS_A_FRAME]
    )
