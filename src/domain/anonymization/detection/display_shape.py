"""Sources and frames with another pixel aspect than their files declare."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.pixel_aspect import AspectOrigin, display_size
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Frame, FrameSource, Sound, SourceInfo


def with_aspect(source: FrameSource, aspect: Fraction | None) -> FrameSource:
    """Return a source with a given pixel aspect; the source itself if none is given."""
    return source if aspect is None else ReshapedSource(source, aspect)


class ReshapedSource:
    """Frame source with a pixel aspect that the caller gives, whatever the file declares.

    Args:
        source: source of the frames.
        aspect: width to height of one stored pixel as displayed upright.
    """

    def __init__(self, source: FrameSource, aspect: Fraction) -> None:
        self._source = source
        self._aspect = aspect

    @property
    def info(self) -> SourceInfo:
        """Properties of the source, with the given pixel aspect."""
        return replace(self._source.info, pixel_aspect=self._aspect, aspect_origin=AspectOrigin.OPTION)

    @property
    def sound(self) -> Sound | None:
        """Sound track of the source; see `FrameSource`."""
        return self._source.sound

    def timing(self, start: int, stop: int) -> Timing:
        """Return the display times of frames; see `FrameSource`."""
        return self._source.timing(start, stop)

    def sha256(self) -> str:
        """Return the hex digest of the file's bytes; see `FrameSource`.

        Raises:
            InputNotFoundError: the file can no longer be read.
        """
        return self._source.sha256()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """Yield the frames ``[start, stop)`` of the source; see `FrameSource`."""
        return self._reshaped(self._source.frames(start, stop))

    def _reshaped(self, frames: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
        with closing(frames):
            for frame in frames:
                yield ReshapedFrame(frame, display_size((frame.width, frame.height), self._aspect))


class ReshapedFrame:
    """Frame with the pixels of another one and a display size of its own.

    Args:
        frame: frame that holds the pixels.
        size: width and height in square pixels.
    """

    def __init__(self, frame: Frame, size: tuple[int, int]) -> None:
        self.index = frame.index
        self.width, self.height = frame.width, frame.height
        self.display_size = size
        self.nbytes = frame.nbytes
        self._frame = frame

    def bgr(self) -> Image:
        """Return the stored pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        return self._frame.bgr()

    def rgb(self, width: int, height: int) -> Image:
        """Return the resized pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        return self._frame.rgb(width, height)

    def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
        """Return a part of the stored pixels; see `Frame`.

        Raises:
            FrameAnalysisError: the frame was not decoded, or not without errors.
        """
        return self._frame.rgb_part(left, top, width, height)
