"""Decoding of untrusted images from memory, after a check of the size stated in the header."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import av
import cv2
import numpy as np

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.pictures.header import ImageHeader, UnknownImageError, read_header
from framecloak.adapters.media.pictures.source import DamagedImageError, decode_image_file
from framecloak.adapters.media.video.frames import DecodedFrame
from framecloak.domain.errors import ImageTooLargeError, InvalidImageError
from framecloak.domain.ports.frames import Frame

MAX_SIDE_PX = 4096
"""Maximum width and height in pixels; larger images are refused."""

_DECODER_PADDING_PX = 64
"""Pixels by which a decoder may round up the sides of an image."""
_GIF = (b"GIF87a", b"GIF89a")
_FORMATS_HINT = "send a JPEG, PNG, WebP, GIF, BMP or TIFF file"
_REFUSED_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}


@dataclass(frozen=True, slots=True)
class UntrustedImageReader:
    """Decoder of untrusted JPEG, PNG, WebP, GIF, BMP and TIFF images. It is thread-safe.

    Attributes:
        max_side: maximum width and height in pixels.
    """

    max_side: int = MAX_SIDE_PX

    def read(self, data: bytes) -> Frame:
        """Decode an image; of an animation, its first frame.

        Args:
            data: content of the image file.

        Returns:
            The image as an upright frame.

        Raises:
            InvalidImageError: the bytes are not an image, or are a damaged or unsupported one.
            ImageTooLargeError: the header states a side of more than ``max_side`` pixels; nothing was
                decoded.
        """
        header = _header(data)
        if max(header.width, header.height) > self.max_side:
            raise ImageTooLargeError(
                f"the image has {header.width}x{header.height} pixels",
                f"scale it to at most {self.max_side}x{self.max_side}",
            )
        if min(header.width, header.height) < 1:
            raise InvalidImageError("the image has no pixels", _FORMATS_HINT)
        if header.animated:
            decoded = _first_frame(data)
        else:
            try:
                decoded = decode_image_file(header.codec, data, (self.max_side + _DECODER_PADDING_PX) ** 2)
            except DamagedImageError as error:
                raise _damaged_error() from error
        if (decoded.width, decoded.height) != (header.width, header.height):
            raise InvalidImageError("the image does not have the size that its header states", _FORMATS_HINT)
        return DecodedFrame(0, decoded, header.orientation)


def _header(data: bytes) -> ImageHeader:
    if not data:
        raise InvalidImageError("the image is empty", _FORMATS_HINT)
    if data.startswith(_GIF) and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return ImageHeader("gif", width, height, Orientation.UPRIGHT, animated=True)
    try:
        return read_header(io.BytesIO(data))
    except UnknownImageError as error:
        brand = _REFUSED_BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None
        if brand:
            raise InvalidImageError(f"{brand} images are not supported", "convert it to JPEG") from error
        raise InvalidImageError("the data is not an image that can be read", _FORMATS_HINT) from error


def _first_frame(data: bytes) -> av.VideoFrame:
    """Decode the first frame of an animation, with black in place of transparent pixels."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _damaged_error() from error
    if image is None:
        raise _damaged_error()
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image, np.uint8), format="bgr24")


def _damaged_error() -> InvalidImageError:
    return InvalidImageError("the image is damaged or cut off", "copy or export it again")
