"""Downscaled previews of images."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.domain.anonymization.model.options import Appearance, OutputFormat
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.imaging.detections import Image

_PREVIEW = Appearance(OutputFormat.JPG, quality=85)


def shrunk(picture: Image, width: int) -> Image:
    """Scale an image (h, w, 3) down to at most ``width`` pixels across, keeping its aspect ratio."""
    height, full_width = picture.shape[:2]
    if width >= full_width:
        return picture
    size = (max(1, width), max(1, round(height * width / full_width)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def preview(picture: bytes, width: int) -> bytes:
    """Return a result image as JPEG, at most ``width`` pixels wide.

    Args:
        picture: content of a JPEG, PNG or WebP file that Framecloak wrote.
        width: maximum width in pixels; narrower images keep their size.

    Raises:
        ObjectNotFoundError: the image is damaged.
    """
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR) if picture else None
    if decoded is None:
        raise ObjectNotFoundError("the image is damaged")
    return OpenCvEncoder().encode(shrunk(np.asarray(decoded, np.uint8), width), _PREVIEW)
