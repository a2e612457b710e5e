"""Implementations of the ``Frame`` port: decoded frames, frames in memory and damaged frames."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import NoReturn

import av
import cv2
import numpy as np

from framecloak.adapters.media.colour.pixel_formats import part_to_rgb, to_bgr, to_rgb
from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.scaling import scaled
from framecloak.adapters.media.size_limit import MAX_PIXELS
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.pixel_aspect import SQUARE, display_size

MAX_DISTORTION = 1.45
"""Maximum change of the aspect ratio by resizing, as a factor; enough for 4:3 shown as 16:9 and for PAL shown
as widescreen. Of 47 faces in a street scene, detection misses none at 1.34, one at 1.5 and a quarter at 2."""


class DecodedFrame:
    """Intact decoded frame, converted in the thread that reads its pixels.

    Some streams change their size midway. Their frames are resized to one size, so that a marked region
    has the same coordinates in all of them. A frame whose aspect ratio differs too much gives no pixels:
    the position of a marked region in it is unknown, and detectors miss distorted faces.

    Args:
        index: number of the frame in presentation order, from 0.
        decoded: frame as delivered by the decoder, not yet rotated.
        orientation: orientation that turns the stored pixels upright.
        size: width and height in pixels, upright, to resize to; None for the frame's own size.
        pixel_aspect: width to height of one of the frame's own pixels as displayed upright.
    """

    def __init__(
        self,
        index: int,
        decoded: av.VideoFrame,
        orientation: Orientation,
        size: tuple[int, int] | None = None,
        pixel_aspect: Fraction = SQUARE,
    ) -> None:
        self._index = index
        self._decoded = decoded
        self._orientation = orientation
        stored = decoded.width, decoded.height
        self._own_size = stored[::-1] if orientation.swaps_sides else stored
        self._size = size or self._own_size
        own_width, own_height = self._own_size
        width, height = self._size
        resized = Fraction(own_width * height, own_height * width)
        self._display_size = display_size(self._size, pixel_aspect * resized)
        # PyAV sets and restores colour tags on the frame while it converts.
        self._lock = threading.Lock()

    @property
    def index(self) -> int:
        """Number of the frame in presentation order, from 0."""
        return self._index

    @property
    def width(self) -> int:
        """Width in pixels, upright."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Height in pixels, upright."""
        return self._size[1]

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels; for a resized frame, in the shape that it has by itself."""
        return self._display_size

    @property
    def nbytes(self) -> int:
        """Memory that the decoded planes occupy, in bytes."""
        return sum(plane.buffer_size for plane in self._decoded.planes)

    def bgr(self) -> Image:
        """Return the upright frame at full size, (height, width, 3) uint8 BGR, as a new array.

        Raises:
            FrameAnalysisError: the pixel format cannot be converted, or the frame's size differs too much
                from the video's.
        """
        self._require_similar_size()
        try:
            with self._lock:
                stored = to_bgr(self._decoded)
        except (av.FFmpegError, ValueError) as error:
            self._raise_unreadable(error)
        return scaled(self._orientation.apply(stored), *self._size)

    def rgb(self, width: int, height: int) -> Image:
        """Return the upright frame resized to the given size, (height, width, 3) uint8 RGB.

        Raises:
            FrameAnalysisError: the pixel format cannot be converted, or the frame's size differs too much
                from the video's.
        """
        self._require_similar_size()
        size = (height, width) if self._orientation.swaps_sides else (width, height)
        try:
            with self._lock:
                stored = to_rgb(self._decoded, *size)
        except (av.FFmpegError, ValueError) as error:
            self._raise_unreadable(error)
        return self._orientation.apply(stored)

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the upright frame at its own size, (height, width, 3) uint8 RGB.

        Raises:
            FrameAnalysisError: the pixel format cannot be converted, or the frame's size differs too much
                from the video's.
        """
        if self._size != self._own_size:
            return _part(self.bgr(), left, top, width, height)
        self._require_similar_size()
        stored_part = self._orientation.stored_part(left, top, width, height, self._size)
        try:
            with self._lock:
                stored = part_to_rgb(self._decoded, *stored_part)
        except (av.FFmpegError, ValueError) as error:
            self._raise_unreadable(error)
        return self._orientation.apply(stored)

    def _require_similar_size(self) -> None:
        (width, height), (own_width, own_height) = self._size, self._own_size
        distortion = width * own_height / (height * own_width)
        too_large = own_width * own_height > MAX_PIXELS
        if too_large or not 1 / MAX_DISTORTION <= distortion <= MAX_DISTORTION:
            message = f"frame {self._index} has {own_width}x{own_height} pixels, unlike the video's"
            raise FrameAnalysisError(f"{message} {width}x{height}")

    def _raise_unreadable(self, error: Exception) -> NoReturn:
        name = self._decoded.format.name
        raise FrameAnalysisError(f"frame {self._index} has pixels that cannot be read ({name})") from error


class ArrayFrame:
    """Frame backed by an array in memory.

    Args:
        index: number of the frame in presentation order, from 0.
        image: (height, width, 3) uint8 BGR; never written to.
    """

    def __init__(self, index: int, image: Image) -> None:
        self.index = index
        self.height, self.width = image.shape[:2]
        self.display_size = self.width, self.height
        self.nbytes = image.nbytes
        self._image = image

    def bgr(self) -> Image:
        """Return the frame at full size, (height, width, 3) uint8 BGR, as a new array."""
        return self._image.copy()

    def rgb(self, width: int, height: int) -> Image:
        """Return the frame resized to the given size, (height, width, 3) uint8 RGB."""
        return np.asarray(cv2.cvtColor(scaled(self._image, width, height), cv2.COLOR_BGR2RGB), np.uint8)

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the frame at its own size, (height, width, 3) uint8 RGB."""
        return _part(self._image, left, top, width, height)


class DamagedFrame:
    """Frame that could not be decoded intact: it has an index and a size, but no pixels.

    Args:
        index: number of the frame in presentation order, from 0.
        width: width in stored pixels, upright.
        height: height in stored pixels, upright.
    """

    nbytes = 0

    def __init__(self, index: int, width: int, height: int) -> None:
        self.index = index
        self.width = width
        self.height = height
        self.display_size = width, height

    def bgr(self) -> Image:
        """Raise an error, because the frame has no pixels.

        Raises:
            FrameAnalysisError: always.
        """
        raise self._error()

    def rgb(self, width: int, height: int) -> Image:  # noqa: ARG002 (the port's signature)
        """Raise an error, because the frame has no pixels.

        Raises:
            FrameAnalysisError: always.
        """
        raise self._error()

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:  # noqa: ARG002 (as above)
        """Raise an error, because the frame has no pixels.

        Raises:
            FrameAnalysisError: always.
        """
        raise self._error()

    def _error(self) -> FrameAnalysisError:
        return FrameAnalysisError(f"frame {self.index} is damaged in the file and could not be decoded")


def _part(bgr: Image, left: int, top: int, width: int, height: int) -> Image:
    """Return a part of an image in BGR order as RGB, contiguous."""
    return np.asarray(cv2.cvtColor(bgr[top : top + height, left : left + width], cv2.COLOR_BGR2RGB), np.uint8)
