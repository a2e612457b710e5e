"""Source of the frames of an image file that holds several images, whichever library decodes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np

from framecloak.adapters.media.video.frames import ArrayFrame
from framecloak.domain.errors import InputNotFoundError, InvalidSegmentError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo

TICKS_PER_SECOND = 1_000_000
PAGE_TICKS = TICKS_PER_SECOND
"""Display time of a page or view, which states none."""

PageDecoder = Callable[[Path, Sequence[int]], Iterator[Image]]


@dataclass(frozen=True, slots=True)
class Page:
    """One image of a file: its position, its size in pixels, upright, and its display time in ticks."""

    position: int
    width: int
    height: int
    ticks: int


class PagedImageSource:
    """Image file as a source of all its images, each upright and as large as the largest of them.

    A smaller image lies in the upper left corner, on black.

    Args:
        path: path of the file.
        pages: its images, at least one.
        decode: decoder of the images at given positions, upright, as (h, w, 3) uint8 BGR.
    """

    def __init__(self, path: Path, pages: tuple[Page, ...], decode: PageDecoder) -> None:
        self._path = path
        self._pages = pages
        self._decode = decode
        self._starts = [0, *accumulate(page.ticks for page in pages)]
        is_video = len(pages) > 1
        seconds = self._starts[-1] / TICKS_PER_SECOND
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
        return Timing(Fraction(1, TICKS_PER_SECOND), self._starts[start:stop], self._starts[stop])

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
        images = self._decode(self._path, [page.position for page in self._pages[start:stop]])
        for number, shown in enumerate(images, start):
            canvas = np.zeros((self._info.height, self._info.width, 3), np.uint8)
            canvas[: shown.shape[0], : shown.shape[1]] = shown[: len(canvas), : canvas.shape[1]]
            yield ArrayFrame(number, canvas)
