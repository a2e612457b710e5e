"""Pictures that strangers send: decoded from memory, after their size was read from the header."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import av
import cv2
import numpy as np

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.pictures.header import PictureHeader, UnknownPictureError, read_header
from framecloak.adapters.media.pictures.source import DamagedPictureError, decode_picture
from framecloak.adapters.media.video.frames import DecodedFrame
from framecloak.domain.errors import ImageTooLargeError, InvalidImageError
from framecloak.domain.ports import Frame

MAX_SIDE = 4096
"""Pixels across or down; larger pictures are refused."""

_BLOCK = 64
"""Pixels that decoders may round a side up to."""
_GIF = (b"GIF87a", b"GIF89a")
_HINT = "send a JPEG, PNG, WebP, GIF, BMP or TIFF file"
_REFUSED_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}


@dataclass(frozen=True, slots=True)
class StrangersPictures:
    """Reads JPEG, PNG, WebP, GIF, BMP and TIFF. Safe to call from several threads at once.

    Attributes:
        max_side: the most pixels across or down.
    """

    max_side: int = MAX_SIDE

    def read(self, data: bytes) -> Frame:
        """See ``framecloak.domain.ports.recognition.PictureReader``.

        Raises:
            InvalidImageError: the bytes are no picture, a damaged one, or one in a format that is not read.
            ImageTooLargeError: more than ``max_side`` pixels across or down, found before any is decoded.
        """
        header = _header(data)
        if max(header.width, header.height) > self.max_side:
            raise ImageTooLargeError(
                f"the picture has {header.width}x{header.height} pixels",
                f"scale it to at most {self.max_side}x{self.max_side}",
            )
        if min(header.width, header.height) < 1:
            raise InvalidImageError("the picture has no pixels", _HINT)
        if header.animated:
            decoded = _first_frame(data)
        else:
            try:
                decoded = decode_picture(header.codec, data, (self.max_side + _BLOCK) ** 2)
            except DamagedPictureError as error:
                raise _damaged() from error
        if (decoded.width, decoded.height) != (header.width, header.height):
            raise InvalidImageError("the picture is not of the size that its header says", _HINT)
        return DecodedFrame(0, decoded, header.orientation)


def _header(data: bytes) -> PictureHeader:
    if not data:
        raise InvalidImageError("the picture is empty", _HINT)
    if data.startswith(_GIF) and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return PictureHeader("gif", width, height, Orientation.UPRIGHT, animated=True)
    try:
        return read_header(io.BytesIO(data))
    except UnknownPictureError as error:
        brand = _REFUSED_BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
        if brand:
            raise InvalidImageError(f"{brand} pictures are not read", "convert it to JPEG") from error
        raise InvalidImageError("the bytes are not a picture that can be read", _HINT) from error


def _first_frame(data: bytes) -> av.VideoFrame:
    """The first picture of an animation, on black where it is transparent."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _damaged() from error
    if picture is None:
        raise _damaged()
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture, np.uint8), format="bgr24")


def _damaged() -> InvalidImageError:
    return InvalidImageError("the picture is damaged or cut off", "copy or export it again")
