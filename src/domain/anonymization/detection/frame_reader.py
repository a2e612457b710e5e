"""Sequential decoding of a video, shared by consecutive segments.

Analysis of a segment reads some frames past its end. The next segment would have to decode those again,
starting from the keyframe before them. Instead, the decoder stays open and the frames are buffered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from framecloak.domain.ports.frames import Frame, FrameSource
from framecloak.domain.ports.metrics import Meter, Stage, timed

MAX_BUFFERED_BYTES = 256 << 20
"""Memory for buffered frames between two segments; above this, decoding twice is cheaper."""


class SequentialFrameReader:
    """Decoder of the frames of a video from a given frame on.

    It must be closed, unless it is passed on to the next segment.

    Args:
        source: the video.
        start: index of the first frame to read.
        stop: end (exclusive) of the frames that this or a later segment may read.
        meter: recorder of decoding time.

    Raises:
        TruncatedVideoError: the video ends before ``stop``.
    """

    def __init__(self, source: FrameSource, start: int, stop: int, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._decoded = source.frames(start, stop)
        self._next = start
        self._buffered: deque[Frame] = deque()

    def close(self) -> None:
        """Release the decoder and the buffered frames."""
        self._decoded.close()
        self._buffered.clear()

    def is_at(self, source: FrameSource, start: int) -> bool:
        """Return whether the next frame to read is frame ``start`` of ``source``."""
        return self._source is source and self._next == start

    def frames(self, stop: int, buffer_from: int) -> Iterator[Frame]:
        """Read the next frames.

        Args:
            stop: end (exclusive) of the frames to read now.
            buffer_from: index of the frame from which the next segment may continue. Frames from there on
                are buffered, unless they take more than ``MAX_BUFFERED_BYTES``.

        Yields:
            Every frame up to ``stop`` once, in order.

        Raises:
            UnreadableVideoError: the video cannot be decoded.
        """
        position = buffered_bytes = 0
        for index in range(self._next, stop):
            if position == len(self._buffered):
                self._buffered.append(self._decode())
            frame = self._buffered[position]
            if index < buffer_from:
                self._buffered.popleft()
                self._next = index + 1
            else:
                position += 1
                buffered_bytes += frame.nbytes
            if buffered_bytes > MAX_BUFFERED_BYTES:
                # The next segment can no longer continue from here.
                self._buffered.clear()
                self._next = index + 1
                position, buffered_bytes, buffer_from = 0, 0, stop
            yield frame

    def _decode(self) -> Frame:
        with timed(self._meter, Stage.DECODE):
            return next(self._decoded)
