"""Pictures, one after the other, as one source: so that the pipeline keeps every core busy with them."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from fractions import Fraction

from framecloak.domain.errors import ExaminationError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports import Frame, FrameSource, Sound, SourceInfo

_BYTES_PER_PIXEL = 3


class Album:
    """A source whose frames are single pictures that have nothing to do with each other.

    Args:
        pictures: at least one source of one frame each; their sizes may differ.
    """

    def __init__(self, pictures: Sequence[FrameSource]) -> None:
        self._pictures = tuple(pictures)
        # The pipeline plans its memory by the first frame, so every one states the needs of the largest.
        self._nbytes = max(one.info.width * one.info.height for one in pictures) * _BYTES_PER_PIXEL

    @property
    def info(self) -> SourceInfo:
        """Of all pictures together; the size is one that holds each of them."""
        return SourceInfo(
            name=f"{len(self._pictures)} pictures",
            width=max(one.info.width for one in self._pictures),
            height=max(one.info.height for one in self._pictures),
            frame_count=len(self._pictures),
            readable_frames=len(self._pictures),
            frame_rate=0.0,
            duration=0.0,
            rotation=0,
            continuous=False,
        )

    @property
    def sound(self) -> Sound | None:
        """Pictures have none."""
        return None

    def timing(self, start: int, stop: int) -> Timing:
        """One picture after the other, each for a second."""
        return Timing.steady(Fraction(1), start, stop)

    def sha256(self) -> str:
        """Hex digest of the pictures' digests, in order.

        Raises:
            InputNotFoundError: a file cannot be read any more.
        """
        return hashlib.sha256("".join(one.sha256() for one in self._pictures).encode()).hexdigest()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        """The pictures ``[start, stop)``; none is opened before its pixels are asked for."""
        for index in range(start, stop):
            yield _Page(index, self._pictures[index], self._nbytes)


class _Page:
    """A picture that is decoded by the thread that first asks for its pixels.

    What was decoded for the examination is kept for ``bgr``, the last thing that is asked, and no longer.
    """

    def __init__(self, index: int, picture: FrameSource, nbytes: int) -> None:
        self.index = index
        self.width = picture.info.width
        self.height = picture.info.height
        self.nbytes = nbytes
        self._picture = picture
        self._decoded: Frame | None = None

    def bgr(self) -> Image:
        """See ``framecloak.domain.ports.Frame``.

        Raises:
            ExaminationError: the picture was not decoded, or is not the one that was opened.
        """
        decoded, self._decoded = self._decoded or self._decode(), None
        return decoded.bgr()

    def rgb(self, width: int, height: int) -> Image:
        """See ``framecloak.domain.ports.Frame``.

        Raises:
            ExaminationError: the picture was not decoded, or is not the one that was opened.
        """
        self._decoded = self._decoded or self._decode()
        return self._decoded.rgb(width, height)

    def _decode(self) -> Frame:
        try:
            with closing(self._picture.frames(0, 1)) as frames:
                decoded = next(frames)
        except UnreadableVideoError as error:
            # One damaged picture among many is what a damaged frame is to a video.
            raise ExaminationError(error.message) from error
        if (decoded.width, decoded.height) != (self.width, self.height):
            raise ExaminationError(f"picture {self._picture.info.name} changed while it was read")
        return decoded
