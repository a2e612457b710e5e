"""The two kinds of frame a source delivers: one that was decoded, and one that was not."""

from __future__ import annotations

import threading
from typing import NoReturn

import av
import cv2
import numpy as np

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.size_limit import MAX_PIXELS
from framecloak.adapters.media.video.pixel_formats import stretched, to_bgr, to_rgb
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import Image

MOST_DISTORTION = 1.45
"""How much wider or higher stretching may make things: 4:3 as 16:9, PAL as widescreen. Of 47 faces of a
street none is missed at 1.34, one at 1.5, a quarter at 2."""


class DecodedFrame:
    """A frame that came out of the decoder whole; converted in the thread that asks for its pixels.

    Some streams change their size on the way. Their frames are stretched to one size, so that what is marked
    in one of them is in the same place in all. A frame of too different a shape gives no pixels: nobody can
    say where in it that place is, and stretched faces are missed.

    Args:
        index: number of the frame in presentation order, from 0.
        decoded: what the decoder delivered, as stored.
        orientation: how stored pixels are turned upright.
        size: pixels across and down, upright, at which it is delivered; its own where nothing is said.
    """

    def __init__(
        self,
        index: int,
        decoded: av.VideoFrame,
        orientation: Orientation,
        size: tuple[int, int] | None = None,
    ) -> None:
        self._index = index
        self._decoded = decoded
        self._orientation = orientation
        stored = decoded.width, decoded.height
        self._own_size = stored[::-1] if orientation.swaps_sides else stored
        self._size = size or self._own_size
        # PyAV sets and restores colour tags on the frame while it converts.
        self._lock = threading.Lock()

    @property
    def index(self) -> int:
        """Number of the frame in presentation order, from 0."""
        return self._index

    @property
    def width(self) -> int:
        """Pixels across, upright."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Pixels down, upright."""
        return self._size[1]

    @property
    def nbytes(self) -> int:
        """Memory that the decoded planes take."""
        return sum(plane.buffer_size for plane in self._decoded.planes)

    def bgr(self) -> Image:
        """The frame upright at full size, (height, width, 3) uint8 BGR; the array is the caller's own.

        Raises:
            ExaminationError: the pixel format cannot be converted, or the size cannot.
        """
        self._require_fit()
        try:
            with self._lock:
                stored = to_bgr(self._decoded)
        except (av.FFmpegError, ValueError) as error:
            self._refuse(error)
        return stretched(self._orientation.apply(stored), *self._size)

    def rgb(self, width: int, height: int) -> Image:
        """The frame upright and stretched, (height, width, 3) uint8 RGB.

        Raises:
            ExaminationError: the pixel format cannot be converted, or the size cannot.
        """
        self._require_fit()
        size = (height, width) if self._orientation.swaps_sides else (width, height)
        try:
            with self._lock:
                stored = to_rgb(self._decoded, *size)
        except (av.FFmpegError, ValueError) as error:
            self._refuse(error)
        return self._orientation.apply(stored)

    def _require_fit(self) -> None:
        (width, height), (own_width, own_height) = self._size, self._own_size
        distortion = width * own_height / (height * own_width)
        too_large = own_width * own_height > MAX_PIXELS
        if too_large or not 1 / MOST_DISTORTION <= distortion <= MOST_DISTORTION:
            message = f"frame {self._index} has {own_width}x{own_height} pixels, unlike the video's"
            raise ExaminationError(f"{message} {width}x{height}")

    def _refuse(self, error: Exception) -> NoReturn:
        name = self._decoded.format.name
        raise ExaminationError(f"frame {self._index} has pixels that cannot be read ({name})") from error


class ArrayFrame:
    """A frame whose pixels are in memory.

    Args:
        index: number of the frame in presentation order, from 0.
        image: (height, width, 3) uint8 BGR; not written to.
    """

    def __init__(self, index: int, image: Image) -> None:
        self.index = index
        self.height, self.width = image.shape[:2]
        self.nbytes = image.nbytes
        self._image = image

    def bgr(self) -> Image:
        """The frame at full size, (height, width, 3) uint8 BGR; the array is the caller's own."""
        return self._image.copy()

    def rgb(self, width: int, height: int) -> Image:
        """The frame stretched, (height, width, 3) uint8 RGB."""
        resized = cv2.resize(self._image, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)


class DamagedFrame:
    """A frame that the decoder lost or damaged: it has a number and a size, and no pixels.

    Args:
        index: number of the frame in presentation order, from 0.
        width: pixels across, upright.
        height: pixels down, upright.
    """

    nbytes = 0

    def __init__(self, index: int, width: int, height: int) -> None:
        self.index = index
        self.width = width
        self.height = height

    def bgr(self) -> Image:
        """Never returns pixels.

        Raises:
            ExaminationError: always.
        """
        raise self._error()

    def rgb(self, width: int, height: int) -> Image:  # noqa: ARG002 (the port's signature)
        """Never returns pixels.

        Raises:
            ExaminationError: always.
        """
        raise self._error()

    def _error(self) -> ExaminationError:
        return ExaminationError(f"frame {self.index} is damaged in the file and could not be decoded")
