"""Redacted frames, read back from their image files with OpenCV."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np

from framecloak.adapters.media.pictures.header import ImageHeader, UnknownImageError, read_header
from framecloak.adapters.media.scaling import scaled
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame

_REDUCTIONS = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)

_MIN_RELATIVE_SIZE = 0.97
"""Minimum size of a reduced image, relative to the requested size: half of 1080 rows suffices for 544."""


class OpenCvReader:
    """Decoder of encoded result frames. It is stateless and thread-safe."""

    def read(self, data: bytes, index: int) -> Frame:
        """Return a frame that is decoded from the bytes of its image file when its pixels are read.

        Args:
            data: content of the image file.
            index: number of the frame.

        Raises:
            FrameAnalysisError: the bytes are not an image.
        """
        try:
            header = read_header(BytesIO(data))
        except UnknownImageError as error:
            raise _unreadable(index) from error
        return _EncodedFrame(index, data, header)


class _EncodedFrame:
    """Frame backed by an encoded image, decoded at each access to its pixels."""

    def __init__(self, index: int, data: bytes, header: ImageHeader) -> None:
        self.index = index
        self.width, self.height = self.display_size = header.width, header.height
        self.nbytes = len(data)
        self._data = data
        self._is_jpeg = header.codec == "mjpeg"

    def bgr(self) -> Image:
        return self._decode(cv2.IMREAD_COLOR)

    def rgb(self, width: int, height: int) -> Image:
        image = self._decode(self._decoding_flag(width, height))
        return np.asarray(cv2.cvtColor(scaled(image, width, height), cv2.COLOR_BGR2RGB), np.uint8)

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        part = self.bgr()[top : top + height, left : left + width]
        return np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2RGB), np.uint8)

    def _decoding_flag(self, width: int, height: int) -> int:
        """Return the OpenCV flag to decode with.

        A JPEG is decoded at the smallest sufficient scale, which takes a third of the time.
        """
        for share, flag in _REDUCTIONS if self._is_jpeg else ():
            if (
                self.width >= share * width * _MIN_RELATIVE_SIZE
                and self.height >= share * height * _MIN_RELATIVE_SIZE
            ):
                return flag
        return cv2.IMREAD_COLOR

    def _decode(self, flag: int) -> Image:
        image = cv2.imdecode(np.frombuffer(self._data, np.uint8), flag)
        if image is None:
            raise _unreadable(self.index)
        return np.asarray(image, np.uint8)


def _unreadable(index: int) -> FrameAnalysisError:
    return FrameAnalysisError(f"the encoded image of frame {index} cannot be decoded")
