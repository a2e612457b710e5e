"""Image files that hold several images, AVIF and HEIC: read with Pillow and libheif.

Animations (APNG, WebP, AVIF), the views of an MPO and the pages of a TIFF are the frames of a video.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps
from PIL.Image import DecompressionBombError

from framecloak.adapters.media.pictures.heic import is_heic, open_heic
from framecloak.adapters.media.pictures.paged_source import (
    PAGE_TICKS,
    TICKS_PER_SECOND,
    Page,
    PagedImageSource,
)
from framecloak.adapters.media.size_limit import check_size
from framecloak.domain.errors import UnreadableVideoError
from framecloak.domain.imaging.detections import Image

_FORMATS = ("AVIF", "JPEG", "PNG", "TIFF", "WEBP")
_TICKS_PER_MILLISECOND = TICKS_PER_SECOND // 1000
_UNTIMED_TICKS = TICKS_PER_SECOND // 10
"""Display time of an image in an animation that states 0, as in browsers."""

_PILLOW_ERRORS = (
    *(OSError, ValueError, TypeError, SyntaxError, EOFError, LookupError, struct.error, MemoryError),
    *(RuntimeError, ArithmeticError, zlib.error),
    DecompressionBombError,
)
"""Exceptions of Pillow for damaged files of the formats here."""


def open_paged_image(path: Path) -> PagedImageSource | None:
    """Open an image file that holds several images, an AVIF or a HEIC; None for any other file.

    All images are decoded once, to check them and to learn their sizes and times.

    Raises:
        UnreadableVideoError: one of the images, or the list of them, is damaged or truncated.
        ImageTooLargeError: an image has more pixels than can be processed.
        InputNotFoundError: the file can no longer be read.
    """
    if is_heic(path):
        return open_heic(path)
    try:
        with _quiet(), _opened(path) as image:
            image_format = image.format
    except _PILLOW_ERRORS:
        return None
    if image_format != "AVIF" and _count_images(path) < 2:
        return None
    pages = tuple(_read_pages(path))
    return PagedImageSource(path, pages, _decoded_pages)


def _count_images(path: Path) -> int:
    # The pages of a TIFF are a chain, which counting follows. One that breaks off must not be taken for a
    # shorter file: libav would decode its first page, and the others would be missing without a word.
    with _decoding(path), _opened(path) as image:
        return getattr(image, "n_frames", 1)


def _decoded_pages(path: Path, positions: Sequence[int]) -> Iterator[Image]:
    with _decoding(path), _opened(path) as image:
        for position in positions:
            image.seek(position)
            yield _to_bgr(image)


def _read_pages(path: Path) -> Iterator[Page]:
    with _decoding(path), _opened(path) as image:
        animated = image.format in {"AVIF", "PNG", "WEBP"}
        # An APNG may begin with an image for programs that do not play it.
        first = 1 if image.info.get("default_image") else 0
        for position in range(first, getattr(image, "n_frames", 1)):
            image.seek(position)
            check_size(path.name, *image.size)
            height, width = _to_bgr(image).shape[:2]
            milliseconds = image.info.get("duration") or 0
            ticks = round(milliseconds * _TICKS_PER_MILLISECOND) or _UNTIMED_TICKS
            yield Page(position, width, height, ticks if animated else PAGE_TICKS)


def _opened(path: Path) -> Pillow.Image:
    return Pillow.open(path, formats=_FORMATS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings of Pillow about damage, which it reports as an error where it matters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Translate errors of Pillow."""
    try:
        with _quiet():
            yield
    except _PILLOW_ERRORS as error:
        message = f"the image {path.name} is damaged or cut off"
        raise UnreadableVideoError(message, "copy or export it again") from error


def _to_bgr(image: Pillow.Image) -> Image:
    """Return the current image of a file, (h, w, 3) uint8 BGR, upright, transparent pixels on black."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        levels = (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(levels[:, :, None], 3, axis=2)
    rgba = np.asarray(upright.convert("RGBA"), np.uint16)
    return np.ascontiguousarray((rgba[:, :, 2::-1] * rgba[:, :, 3:] + 127) // 255, np.uint8)
