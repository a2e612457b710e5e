"""Ports: frames and the sources that they are decoded from."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.pixel_aspect import SQUARE, AspectOrigin
from framecloak.domain.imaging.timing import Timing


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Properties of a video or an image that are known before its frames are decoded.

    Attributes:
        name: base name of the file.
        width, height: size of a frame in stored pixels, upright: with the rotation applied.
        frame_count: number of frames in presentation order; 1 for an image.
        readable_frames: number of leading frames that the file holds; below ``frame_count`` for a truncated
            file.
        frame_rate: average frames per second; 0 for an image.
        duration: seconds from the start of the first frame to the end of the last; 0 for an image.
        rotation: clockwise rotation in degrees that makes the frames upright: 0, 90, 180 or 270.
        continuous: True if neighbouring frames show the same scene (a video), False for unrelated images.
        pixel_aspect: width to height of one stored pixel as displayed upright.
        aspect_origin: origin of the pixel aspect.
        dropped_video_tracks: number of further video tracks of the file, which are not read.
    """

    name: str
    width: int
    height: int
    frame_count: int
    readable_frames: int
    frame_rate: float
    duration: float
    rotation: int
    continuous: bool
    pixel_aspect: Fraction = SQUARE
    aspect_origin: AspectOrigin = AspectOrigin.SQUARE
    dropped_video_tracks: int = 0

    def to_row(self) -> dict[str, Any]:
        """Return the properties as JSON values for the part of a result."""
        return asdict(self) | {"pixel_aspect": self.pixel_aspect.as_integer_ratio()}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        """Build the properties from a row of a part; parts of older versions lack the pixel aspect."""
        aspect = Fraction(*row.get("pixel_aspect", (1, 1)))
        origin = AspectOrigin(row.get("aspect_origin", AspectOrigin.SQUARE))
        return cls(**row | {"pixel_aspect": aspect, "aspect_origin": origin})


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound track of a video.

    Attributes:
        path: file that contains the track.
        codec: name of the codec, such as ``aac``.
        origin: time on the file's clock, in seconds, at which the clock of the frames is zero.
        shifts: seconds that the clock of the frames adds to the file's from each of its jumps on.
        seekable: False if times in the file are not unique, so that it must be read from its beginning.
        mute_speech: True if what may be speech is silenced in results; otherwise the track is copied.
    """

    path: Path
    codec: str
    origin: Fraction = Fraction(0)
    shifts: tuple[Fraction, ...] = ()
    seekable: bool = True
    mute_speech: bool = False


class Frame(Protocol):
    """One upright frame of a source. Thread-safe."""

    @property
    def index(self) -> int:
        """Index of the frame in presentation order, from 0."""
        ...

    @property
    def width(self) -> int:
        """Width in stored pixels, upright."""
        ...

    @property
    def height(self) -> int:
        """Height in stored pixels, upright."""
        ...

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, at which detectors look.

        Where stored pixels are not square, the squeezed axis is enlarged, so that no stored pixel is lost.
        """
        ...

    @property
    def nbytes(self) -> int:
        """Memory held by the frame in bytes."""
        ...

    def bgr(self) -> Image:
        """Return the frame at its own size.

        Returns:
            (height, width, 3) uint8 in BGR order, a new contiguous array that the caller may modify.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        ...

    def rgb(self, width: int, height: int) -> Image:
        """Return the frame resized to the input size of a detector, without keeping the aspect ratio.

        Returns:
            (height, width, 3) uint8 in RGB order, contiguous.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        ...

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the frame at its own size, without converting the rest if that is possible.

        Args:
            left: left edge of the part in stored pixels, upright; it must lie inside the frame.
            top: upper edge.
            width: width of the part.
            height: height of the part.

        Returns:
            (height, width, 3) uint8 RGB, contiguous; it must not be modified.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        ...


class FrameSource(Protocol):
    """Video or image with readable frames."""

    @property
    def info(self) -> SourceInfo:
        """Properties that are known before decoding."""
        ...

    @property
    def sound(self) -> Sound | None:
        """Sound track, or None."""
        ...

    def timing(self, start: int, stop: int) -> Timing:
        """Return the display times of the frames ``[start, stop)``, at least one.

        Images are shown one after the other.
        """
        ...

    def sha256(self) -> str:
        """Return the hex digest of the file's bytes, waiting for a computation in progress.

        Raises:
            InputNotFoundError: the file can no longer be read.
        """
        ...

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield every frame of ``[start, stop)`` exactly once, in presentation order.

        All frames of a video have the size given by ``info``, so that coordinates are comparable between
        frames. A frame that the decoder lost or damaged is yielded too; its pixel methods raise
        ``FrameAnalysisError``. Closing the generator releases the decoder.

        Raises:
            TruncatedVideoError: the stream ends before frame ``stop - 1``.
            UnreadableVideoError: the stream cannot be decoded at all.
        """
        ...
