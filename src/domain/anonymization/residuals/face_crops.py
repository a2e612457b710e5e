"""Cutting faces out of frames: removed ones for comparison, redacted ones to be looked at by people."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from framecloak.domain.anonymization.model.options import Appearance, OutputFormat
from framecloak.domain.anonymization.model.residuals import Portrait, Thumbnail
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Corners
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports import FrameEncoder

AROUND = 0.25
"""Share of a box that is cut out beyond each of its sides: a face fills half of the picture then."""

LARGEST_PORTRAIT = 320
"""Pixels of a side; more than any recogniser takes."""

THUMBNAIL_SIDE = 96
THUMBNAIL_EVERY = 5
"""Frames from one thumbnail of a track to the next; no track is shorter."""
THUMBNAILS_A_FRAME = 4
DOUBTFUL = 0.75
"""Score above which a find is not worth a thumbnail."""

WIDE = 0.8
"""Share of a box that a thumbnail shows beyond each of its sides."""

_LOOK = Appearance(OutputFormat.JPG, quality=60)


def cut(image: Image, area: Corners, largest: int = LARGEST_PORTRAIT) -> Image:
    """The pixels of an area; means of k x k of them where it is larger than wanted.

    Args:
        image: (height, width, 3) uint8.
        area: inside the image, with pixels.
        largest: pixels that a side of the result may have.

    Returns:
        (h, w, 3) uint8, a fresh array.
    """
    x1, y1, x2, y2 = area
    k = math.ceil(max(x2 - x1, y2 - y1) / largest)
    piece = image[y1:y2, x1:x2]
    if k == 1 or min(piece.shape[:2]) < k:
        return piece.copy()
    height, width = (side // k for side in piece.shape[:2])
    cells = piece[: height * k, : width * k].reshape(height, k, width, k, 3)
    means: Image = cells.mean(axis=(1, 3)).round().astype(np.uint8)
    return means


def around(box: Corners, share: float, image: Image) -> Corners:
    """A box with a share of its sides added on each side, cut at the borders of the image."""
    grown = bx.grow(np.array(box, np.float64), share)
    x1, y1, x2, y2 = bx.clip(grown, image.shape[1], image.shape[0]).round().astype(int).tolist()
    return x1, y1, x2, y2


def portraits(image: Image, faces: Iterable[Corners]) -> tuple[Portrait, ...]:
    """Cut out faces that are about to be removed; ``image`` is (height, width, 3) uint8 BGR."""
    areas = [(box, around(box, AROUND, image)) for box in faces]
    return tuple(Portrait(box, area, cut(image, area)) for box, area in areas)


def thumbnails(
    image: Image, faces: Iterable[tuple[int | None, Corners, float | None]], encoder: FrameEncoder
) -> tuple[Thumbnail, ...]:
    """Small pictures of the redacted faces of a frame that are least certain to be faces.

    Args:
        image: (height, width, 3) uint8 BGR, redacted.
        faces: track, box and score of each; those without a track are left out.
        encoder: writes JPEG.
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
