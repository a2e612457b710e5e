"""reader."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np

from framecloak.adapters.media.pictures.header import PictureHeader, UnknownPictureError, read_header
from framecloak.adapters.media.pictures.redactor import _NEARLY, _REDUCTIONS
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame


class OpenCvReader:
    """Decoder of encoded result frames. It is stateless and thread-safe."""

    def read(self, data: bytes, index: int) -> Frame:
        """Return a frame that is decoded from the bytes of its image file when its pixels are read.

        Args:
            data: content of the image file.
            index: number of the frame.

        Raises:
            ExaminationError: the bytes are not an image.
        """
        try:
            header = read_header(BytesIO(data))
        except UnknownPictureError as error:
            raise _unreadable(index) from error
        return _WrittenFrame(index, data, header)


class _WrittenFrame:
    """Frame backed by an encoded image, decoded at each access to its pixels."""

    def __init__(self, index: int, data: bytes, header: PictureHeader) -> None:
        self.index = index
        self.width, self.height = header.width, header.height
        self.nbytes = len(data)
        self._data = data
        self._shrinks = header.codec == "mjpeg"

    def bgr(self) -> Image:
        return self._decoded(cv2.IMREAD_COLOR)

    def rgb(self, width: int, height: int) -> Image:
        image = self._decoded(self._reduction(width, height))
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)

    def _reduction(self, width: int, height: int) -> int:
        """Return the OpenCV flag to decode with.

        A JPEG is decoded at the smallest sufficient scale, which takes a third of the time.
        """
        for share, flag in _REDUCTIONS if self._shrinks else ():
            if self.width >= share * width * _NEARLY and self.height >= share * height * _NEARLY:
                return flag
        return cv2.IMREAD_COLOR

    def _decoded(self, flag: int) -> Image:
        image = cv2.imdecode(np.frombuffer(self._data, np.uint8), flag)
        if image is None:
            raise _unreadable(self.index)
        return np.asarray(image, np.uint8)


def _unreadable(index: int) -> ExaminationError:
    return ExaminationError(f"the encoded image of frame {index} cannot be decoded")
