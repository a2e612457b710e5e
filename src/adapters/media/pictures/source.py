"""Still pictures: JPEG, PNG, WebP, BMP and TIFF, as sources of one frame."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from framecloak.adapters.media.pictures.header import PictureHeader, UnknownPictureError, read_header
from framecloak.adapters.media.size_limit import MAX_PIXELS, check_size
from framecloak.adapters.media.video.container import check_file
from framecloak.adapters.media.video.frames import DecodedFrame
from framecloak.domain.errors import InputNotFoundError, InvalidSegmentError, UnreadableVideoError
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports import Frame, Sound, SourceInfo

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def is_picture(path: Path) -> bool:
    """Whether a file's name says that it is a still picture."""
    return path.suffix.lower() in SUFFIXES


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie directly in a folder, sorted by name; hidden files are left out.

    Raises:
        InputNotFoundError: the folder cannot be read.
    """
    try:
        found = [path for path in folder.iterdir() if is_picture(path) and path.is_file()]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {folder}: {reason}", "name a folder") from error
    return sorted((path for path in found if path.name[0] != "."), key=lambda path: path.name)


def open_picture(path: Path) -> PictureSource:
    """Open a still picture by its header; the format is told by the bytes, not by the name.

    Raises:
        InputNotFoundError: there is no such file, or it may not be read.
        EmptyFileError: the file holds no bytes.
        UnreadableVideoError: the bytes are no picture.
        ImageTooLargeError: the picture has more pixels than can be examined.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except UnknownPictureError as error:
        message = f"{path.name} is not a picture that can be read"
        raise UnreadableVideoError(message, "give a JPEG, PNG, WebP, BMP or TIFF file") from error
    check_size(path.name, header.width, header.height)
    return PictureSource(path, header)


class PictureSource:
    """A still picture, upright as its EXIF orientation says; made by `open_picture`."""

    def __init__(self, path: Path, header: PictureHeader) -> None:
        self._path = path
        self._header = header
        sides = (header.width, header.height)
        width, height = reversed(sides) if header.orientation.swaps_sides else sides
        self._info = SourceInfo(
            name=path.name,
            width=width,
            height=height,
            frame_count=1,
            readable_frames=1,
            frame_rate=0.0,
            duration=0.0,
            rotation=header.orientation.degrees,
            continuous=False,
        )

    @property
    def info(self) -> SourceInfo:
        """What is known before decoding."""
        return self._info

    @property
    def sound(self) -> Sound | None:
        """A picture has none."""
        return None

    def timing(self, start: int, stop: int) -> Timing:
        """As if it were shown for a second."""
        return Timing.steady(Fraction(1), start, stop)

    def sha256(self) -> str:
        """Hex digest of the file's bytes.

        Raises:
            InputNotFoundError: the file cannot be read any more.
        """
        return hashlib.sha256(self._read()).hexdigest()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """The picture as frame 0 when the segment is ``[0, 1)``; it is decoded at once.

        Alpha is laid on black, so that what was transparent stays hidden.

        Raises:
            InvalidSegmentError: the segment lies outside ``[0, 1)``.
            UnreadableVideoError: the picture is damaged, cut off, or not of the size that its header says.
        """
        if not 0 <= start <= stop <= 1:
            message = f"frames {start}:{stop} lie outside {self._info.name}"
            raise InvalidSegmentError(message, "a picture has one frame")
        frames = [self._decode()] if start < stop else []
        return (frame for frame in frames)

    def _decode(self) -> DecodedFrame:
        try:
            decoded = decode_picture(self._header.codec, self._read(), MAX_PIXELS)
        except DamagedPictureError as error:
            message = f"the picture {self._info.name} is damaged or cut off"
            raise UnreadableVideoError(message, "copy or export it again") from error
        if (decoded.width, decoded.height) != (self._header.width, self._header.height):
            message = f"the picture {self._info.name} is not of the size that its header says"
            raise UnreadableVideoError(message, "export it again")
        return DecodedFrame(0, decoded, self._header.orientation)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputNotFoundError(f"cannot read {self._path}: {reason}", "check the path") from error


class DamagedPictureError(ValueError):
    """The bytes are not the whole picture that their header promises."""


def decode_picture(codec: str, data: bytes, max_pixels: int) -> av.VideoFrame:
    """Decode a still picture.

    Args:
        codec: libav's name of the decoder.
        data: the bytes of the file.
        max_pixels: holds against a picture that says one size in its header and another further in.

    Raises:
        DamagedPictureError: the picture is damaged, cut off, or has more pixels.
    """
    # PyAV's hints know the class for a few literal names only.
    decoder = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    decoder.options = {"max_pixels": str(max_pixels)}
    if codec != "tiff":
        # Damage is an error, not something to guess over. For TIFF, libav counts any tag that it does not
        # know as damage, and refuses missing data in any case.
        decoder.options |= {"err_detect": "explode"}
    try:
        decoded = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise DamagedPictureError(f"{codec} cannot be decoded") from error
    if not decoded or decoded[0].is_corrupt:
        raise DamagedPictureError(f"{codec} cannot be decoded whole")
    return decoded[0]
