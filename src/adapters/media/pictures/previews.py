"""Downscaled previews of images."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.imaging.detections import Image

_PREVIEW = Appearance(OutputFormat.JPG, quality=85)


def shrink_to_width(image: Image, width: int) -> Image:
    """Scale an image (h, w, 3) down to at most ``width`` pixels across, keeping its aspect ratio."""
    height, full_width = image.shape[:2]
    if width >= full_width:
        return image
    size = (max(1, width), max(1, round(height * width / full_width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def crop_to_size(image: Image, width: int, height: int) -> Image:
    """Scale an image (h, w, 3) to cover a size in pixels, and crop what sticks out on both sides equally."""
    full_height, full_width = image.shape[:2]
    scale = max(width / full_width, height / full_height)
    size = max(width, round(full_width * scale)), max(height, round(full_height * scale))
    scaled = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return scaled[top : top + height, left : left + width]


def make_preview(data: bytes, width: int) -> bytes:
    """Return a result image as JPEG, at most ``width`` pixels wide.

    Args:
        data: content of a JPEG, PNG or WebP file that Framecloak wrote.
        width: maximum width in pixels; narrower images keep their size.

    Raises:
        ObjectNotFoundError: the image is damaged.
    """
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise ObjectNotFoundError("the image is damaged")
    return OpenCvEncoder().encode(shrink_to_width(np.asarray(decoded, np.uint8), width), _PREVIEW)
