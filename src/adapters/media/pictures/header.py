"""Reader of image headers: format, size and orientation, without decoding any pixels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from framecloak.adapters.media.orientation import Orientation

_PNG = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_COMPRESSION, _TIFF_ORIENTATION = 256, 257, 259, 274
_TIFF_JPEG = {6, 7}  # JPEG compression, which libav decodes with wrong colours
_TIFF_FORMATS = {3: "H", 4: "I"}
# Start-of-frame markers C0..CF, except DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_STANDALONE_MARKERS = {0x01, *range(0xD0, 0xD9)}

_MAX_SEGMENTS = 10_000
"""Maximum number of segments or chunks to read; photographs have dozens, animations one per frame."""

_READ_BLOCK_BYTES = 4096
"""Bytes per read when skipping fill bytes."""


class UnknownImageError(ValueError):
    """Bytes that are not the header of an image in a supported format."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Header of an image file.

    Attributes:
        codec: libav's name of the decoder.
        width, height: size in pixels as stored.
        orientation: orientation that turns the stored pixels upright.
        animated: True for an animation that libav's decoder cannot read.
    """

    codec: str
    width: int
    height: int
    orientation: Orientation
    animated: bool = False


def read_header(file: BinaryIO) -> ImageHeader:
    """Recognise a JPEG, PNG, WebP, BMP or TIFF by its first bytes and read its header.

    Args:
        file: file opened for reading; its position is changed.

    Raises:
        UnknownImageError: the format is not one of these, or the header is broken.
    """
    magic = file.read(12)
    try:
        if magic.startswith(b"\xff\xd8\xff"):
            return _jpeg(file)
        if magic.startswith(_PNG):
            return _png(file)
        if magic.startswith(b"RIFF") and magic[8:] == b"WEBP":
            return _webp(file)
        if magic.startswith(b"BM"):
            return _bmp(file)
        if magic[:4] in {b"II*\0", b"MM\0*"}:
            return _tiff(file)
    except (struct.error, IndexError) as error:
        raise UnknownImageError("the header ends early") from error
    raise UnknownImageError("the image format is not known")


def _jpeg(file: BinaryIO) -> ImageHeader:
    orientation: Orientation | None = None
    offset = 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(offset)
        prefix, marker = struct.unpack(">BB", file.read(2))
        if prefix != 0xFF:
            raise UnknownImageError("a JPEG segment does not begin with a marker")
        if marker == 0xFF:
            offset = _last_fill_byte(file)
            continue
        if marker in _JPEG_STANDALONE_MARKERS:
            offset += 2
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if length < 2:
            raise UnknownImageError("a JPEG segment is shorter than its own length")
        if marker in _JPEG_FRAME_MARKERS:
            _, height, width = struct.unpack(">BHH", file.read(5))
            return ImageHeader("mjpeg", width, height, orientation or Orientation.UPRIGHT)
        if marker == 0xE1 and orientation is None:
            content = file.read(length - 2)
            if content.startswith(_EXIF):
                orientation = _exif_orientation(content)
        offset += 2 + length
    raise _too_many_segments()


def _last_fill_byte(file: BinaryIO) -> int:
    """Return the offset of the last 0xFF of a run at the file's position.

    Any number of fill bytes 0xFF may precede a JPEG marker.
    """
    while block := file.read(_READ_BLOCK_BYTES):
        if rest := block.lstrip(b"\xff"):
            return file.tell() - len(rest) - 1
    raise UnknownImageError("the header ends early")


def _too_many_segments() -> UnknownImageError:
    return UnknownImageError(f"the image does not begin within the first {_MAX_SEGMENTS} parts of the file")


def _png(file: BinaryIO) -> ImageHeader:
    file.seek(16)
    width, height = struct.unpack(">II", file.read(8))
    orientation: Orientation | None = None
    offset = len(_PNG)
    for _ in range(_MAX_SEGMENTS):
        file.seek(offset)
        head = file.read(8)
        length, kind = struct.unpack(">I4s", head) if len(head) == 8 else (0, b"IEND")
        if kind in {b"IDAT", b"IEND"}:
            return ImageHeader("png", width, height, orientation or Orientation.UPRIGHT)
        if kind == b"eXIf" and orientation is None:
            orientation = _exif_orientation(file.read(length))
        offset += 12 + length
    raise _too_many_segments()


def _webp(file: BinaryIO) -> ImageHeader:
    size: tuple[int, int] | None = None
    orientation: Orientation | None = None
    animated = False
    offset = 12
    for _ in range(_MAX_SEGMENTS):
        file.seek(offset)
        head = file.read(8)
        if len(head) < 8:
            break
        kind, length = struct.unpack("<4sI", head)
        animated |= kind == b"ANMF"
        if kind in {b"VP8 ", b"VP8L", b"VP8X"}:
            stated = _webp_size(kind, file.read(10))
            # The canvas size of an extended file may differ from the size of its image.
            size = stated if size is None else (max(size[0], stated[0]), max(size[1], stated[1]))
        if kind == b"EXIF" and orientation is None:
            orientation = _exif_orientation(file.read(length))
        offset += 8 + length + length % 2
    else:
        raise _too_many_segments()
    if size is None:
        raise UnknownImageError("the WebP contains no image")
    return ImageHeader("webp", *size, orientation or Orientation.UPRIGHT, animated)


def _webp_size(kind: bytes, content: bytes) -> tuple[int, int]:
    """Return the width and height stated in a chunk (WebP container specification; RFC 6386, 9.1)."""
    if kind == b"VP8X":
        width, height = content[4:7], content[7:10]
        return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", content[1:5])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width_bits, height_bits = struct.unpack("<HH", content[6:10])
    return width_bits & 0x3FFF, height_bits & 0x3FFF


def _bmp(file: BinaryIO) -> ImageHeader:
    file.seek(14)
    (header,) = struct.unpack("<I", file.read(4))
    layout = "<HH" if header == 12 else "<ii"
    width, height = struct.unpack(layout, file.read(struct.calcsize(layout)))
    # A negative height means rows from top to bottom.
    return ImageHeader("bmp", abs(width), abs(height), Orientation.UPRIGHT)


def _tiff(file: BinaryIO) -> ImageHeader:
    file.seek(0)
    order, directory = _tiff_start(file.read(8))
    file.seek(directory)
    (entries,) = struct.unpack(order + "H", file.read(2))
    tags = _tiff_tags(order, file.read(12 * entries))
    if _TIFF_WIDTH not in tags or _TIFF_HEIGHT not in tags:
        raise UnknownImageError("the TIFF states no size")
    if tags.get(_TIFF_COMPRESSION) in _TIFF_JPEG:
        raise UnknownImageError("the TIFF uses JPEG compression")
    return ImageHeader("tiff", tags[_TIFF_WIDTH], tags[_TIFF_HEIGHT], _orientation(tags))


def _exif_orientation(content: bytes) -> Orientation:
    """Return the orientation in an EXIF block; like viewers, treat a broken block as upright."""
    block = content.removeprefix(_EXIF)
    try:
        order, directory = _tiff_start(block)
        (entries,) = struct.unpack_from(order + "H", block, directory)
    except struct.error:
        return Orientation.UPRIGHT
    start = directory + 2
    return _orientation(_tiff_tags(order, block[start : start + 12 * entries]))


def _tiff_start(head: bytes) -> tuple[str, int]:
    """Return the byte order as a `struct` prefix, and the offset of the first directory."""
    order = "<" if head.startswith(b"II") else ">"
    (directory,) = struct.unpack(order + "I", head[4:8])
    return order, directory


def _tiff_tags(order: str, directory: bytes) -> dict[int, int]:
    """Return the tags of a TIFF directory that hold a single integer (TIFF 6.0, section 2)."""
    tags: dict[int, int] = {}
    for offset in range(0, len(directory) - 11, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", directory, offset)
        if kind in _TIFF_FORMATS and count == 1:
            (tags[tag],) = struct.unpack_from(order + _TIFF_FORMATS[kind], directory, offset + 8)
    return tags


def _orientation(tags: dict[int, int]) -> Orientation:
    value = tags.get(_TIFF_ORIENTATION, 1)
    return Orientation(value) if value in set(Orientation) else Orientation.UPRIGHT
