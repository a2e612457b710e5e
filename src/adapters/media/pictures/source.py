"""Image files (JPEG, PNG, WebP, BMP, TIFF, AVIF and HEIC) as sources of their frames, mostly a single one."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext

from framecloak.adapters.media.pictures.header import ImageHeader, UnknownImageError, read_header
from framecloak.adapters.media.pictures.paged import open_paged_image
from framecloak.adapters.media.pictures.paged_source import PagedImageSource
from framecloak.adapters.media.png_chunks import without_metadata
from framecloak.adapters.media.size_limit import MAX_PIXELS, check_size
from framecloak.adapters.media.video.container import check_file
from framecloak.adapters.media.video.frames import DecodedFrame
from framecloak.domain.errors import InputNotFoundError, InvalidSegmentError, UnreadableVideoError
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".mpo", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif", ".hif"),
    }
)


def is_image_file(path: Path) -> bool:
    """Return True if the file name has the suffix of a supported image format."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def image_files_in(folder: Path) -> list[Path]:
    """List the image files directly in a folder, sorted by name, without hidden files.

    Raises:
        InputNotFoundError: the folder cannot be read.
    """
    try:
        images = [path for path in folder.iterdir() if is_image_file(path) and path.is_file()]
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {folder}: {reason}", "name a folder") from error
    return sorted((path for path in images if path.name[0] != "."), key=lambda path: path.name)


def open_image(path: Path) -> ImageSource | PagedImageSource:
    """Open an image file and read its header. The content determines the format, not the file name.

    A file that holds several images is a source of all of them.

    Raises:
        InputNotFoundError: the file does not exist or is not readable.
        EmptyFileError: the file is empty.
        UnreadableVideoError: the content is not a supported image, or is damaged in one of several images.
        ImageTooLargeError: the image has more pixels than can be processed.
    """
    check_file(path)
    paged = open_paged_image(path)
    if paged is not None:
        return paged
    try:
        with path.open("rb") as file:
            header = read_header(file)
    except UnknownImageError as error:
        message = f"{path.name} is not an image that can be read"
        raise UnreadableVideoError(message, "give a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC file") from error
    check_size(path.name, header.width, header.height)
    return ImageSource(path, header)


class ImageSource:
    """Image file as a source of one frame. Its EXIF orientation is applied."""

    def __init__(self, path: Path, header: ImageHeader) -> None:
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
        """Metadata read from the header."""
        return self._info

    @property
    def sound(self) -> Sound | None:
        """Always None; an image has no audio."""
        return None

    def timing(self, start: int, stop: int) -> Timing:
        """Return the timing of a frame that is shown for one second."""
        return Timing.constant_rate(Fraction(1), start, stop)

    def sha256(self) -> str:
        """Return the SHA-256 hex digest of the file.

        Raises:
            InputNotFoundError: the file can no longer be read.
        """
        return hashlib.sha256(self._read()).hexdigest()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Decode the image immediately and yield it as frame 0, if the segment is ``[0, 1)``.

        Transparent pixels are blended with black, so that hidden content stays hidden.

        Raises:
            InvalidSegmentError: the segment is not within ``[0, 1)``.
            UnreadableVideoError: the image is damaged or truncated, or does not have the size that its
                header states.
        """
        if not 0 <= start <= stop <= 1:
            message = f"frames {start}:{stop} lie outside {self._info.name}"
            raise InvalidSegmentError(message, "an image has one frame")
        frames = [self._decode()] if start < stop else []
        return (frame for frame in frames)

    def _decode(self) -> DecodedFrame:
        try:
            decoded = decode_image_file(self._header.codec, self._read(), MAX_PIXELS)
        except DamagedImageError as error:
            message = f"the image {self._info.name} is damaged or cut off"
            raise UnreadableVideoError(message, "copy or export it again") from error
        if (decoded.width, decoded.height) != (self._header.width, self._header.height):
            message = f"the image {self._info.name} does not have the size that its header states"
            raise UnreadableVideoError(message, "export it again")
        return DecodedFrame(0, decoded, self._header.orientation)

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputNotFoundError(f"cannot read {self._path}: {reason}", "check the path") from error


class DamagedImageError(ValueError):
    """Image data that is damaged or incomplete."""


def decode_image_file(codec: str, data: bytes, max_pixels: int) -> av.VideoFrame:
    """Decode an image file from memory.

    Args:
        codec: libav's name of the decoder.
        data: content of the file.
        max_pixels: maximum number of pixels; enforced by the decoder, because an image may state one size
            in its header and another in its data.

    Raises:
        DamagedImageError: the image is damaged or truncated, or has more than ``max_pixels`` pixels.
    """
    # PyAV's type hints give this class only for a few literal codec names.
    decoder = cast("VideoCodecContext", av.CodecContext.create(codec, "r"))
    decoder.options = {"max_pixels": str(max_pixels)}
    if codec != "tiff":
        # Report damage as an error instead of concealing it. Not for TIFF: there libav also treats unknown
        # tags as damage, and it rejects missing data in any case.
        decoder.options |= {"err_detect": "explode"}
    try:
        decoded = [*decoder.decode(av.Packet(without_metadata(data))), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise DamagedImageError(f"{codec} cannot be decoded") from error
    if not decoded or decoded[0].is_corrupt:
        raise DamagedImageError(f"{codec} cannot be decoded whole")
    return decoded[0]
