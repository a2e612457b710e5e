"""Image files that hold several images, and AVIF: read with Pillow.

Animations (APNG, WebP, AVIF), the views of an MPO and the pages of a TIFF are the frames of a video.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps
from PIL.Image import DecompressionBombError

from framecloak.adapters.media.size_limit import check_size
from framecloak.adapters.media.video.frames import ArrayFrame
from framecloak.domain.errors import InputNotFoundError, InvalidSegmentError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo

_FORMATS = ("AVIF", "JPEG", "PNG", "TIFF", "WEBP")
_TICKS_PER_SECOND = 1_000_000
_TICKS_PER_MILLISECOND = _TICKS_PER_SECOND // 1000
_PAGE_TICKS = _TICKS_PER_SECOND
"""Display time of a page or view, which states none."""

_UNTIMED_TICKS = _TICKS_PER_SECOND // 10
"""Display time of an image in an animation that states 0, as in browsers."""

_PILLOW_ERRORS = (
    *(OSError, ValueError, TypeError, SyntaxError, EOFError, LookupError, struct.error, MemoryError),
    *(RuntimeError, ArithmeticError, zlib.error),
    DecompressionBombError,
)
"""What Pillow raises for damaged files of the formats here."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One image of a file: its position, its size in pixels, upright, and its display time in ticks."""

    position: int
    width: int
    height: int
    ticks: int


def open_paged_image(path: Path) -> PagedImageSource | None:
    """Open an image file that holds several images, or an AVIF; None for any other file.

    All images are decoded once, to check them and to learn their sizes and times.

    Raises:
        UnreadableVideoError: one of the images is damaged or truncated.
        ImageTooLargeError: an image has more pixels than can be processed.
        InputNotFoundError: the file can no longer be read.
    """
    try:
        with _quiet(), _opened(path) as image:
            if image.format != "AVIF" and getattr(image, "n_frames", 1) < 2:
                return None
    except _PILLOW_ERRORS:
        return None
    pages = tuple(_read_pages(path))
    return PagedImageSource(path, pages)


class PagedImageSource:
    """Image file as a source of all its images, each upright and as large as the largest of them.

    A smaller image lies in the upper left corner, on black.
    """

    def __init__(self, path: Path, pages: tuple[_Page, ...]) -> None:
        self._path = path
        self._pages = pages
        self._starts = [0, *accumulate(page.ticks for page in pages)]
        is_video = len(pages) > 1
        seconds = self._starts[-1] / _TICKS_PER_SECOND
        self._info = SourceInfo(
            name=path.name,
            width=max(page.width for page in pages),
            height=max(page.height for page in pages),
            frame_count=len(pages),
            readable_frames=len(pages),
            frame_rate=len(pages) / seconds if is_video else 0.0,
            duration=seconds if is_video else 0.0,
            rotation=0,
            continuous=is_video,
        )

    @property
    def info(self) -> SourceInfo:
        """Metadata known since the file was opened."""
        return self._info

    @property
    def sound(self) -> Sound | None:
        """Always None; an image has no audio."""
        return None

    def timing(self, start: int, stop: int) -> Timing:
        """Return the display times of the images ``[start, stop)``; a page or view is shown for a second."""
        return Timing(Fraction(1, _TICKS_PER_SECOND), self._starts[start:stop], self._starts[stop])

    def sha256(self) -> str:
        """Return the SHA-256 hex digest of the file.

        Raises:
            InputNotFoundError: the file can no longer be read.
        """
        try:
            with self._path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputNotFoundError(f"cannot read {self._path}: {reason}", "check the path") from error

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield the images ``[start, stop)`` in the order of the file.

        Transparent pixels are blended with black, so that hidden content stays hidden.

        Raises:
            InvalidSegmentError: the segment lies outside the file.
            UnreadableVideoError: the file has changed and cannot be decoded any more.
        """
        if not 0 <= start <= stop <= len(self._pages):
            message = f"frames {start}:{stop} lie outside {self._info.name}"
            raise InvalidSegmentError(message, f"it has {len(self._pages)} frames")
        return self._frames(start, stop)

    def _frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if start == stop:
            return
        with _decoding(self._path), _opened(self._path) as image:
            for number in range(start, stop):
                image.seek(self._pages[number].position)
                shown = _to_bgr(image)
                canvas = np.zeros((self._info.height, self._info.width, 3), np.uint8)
                canvas[: shown.shape[0], : shown.shape[1]] = shown[: len(canvas), : canvas.shape[1]]
                yield ArrayFrame(number, canvas)


def _read_pages(path: Path) -> Iterator[_Page]:
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
            yield _Page(position, width, height, ticks if animated else _PAGE_TICKS)


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
