"""Reading the frames of a video once, also where two segments of it meet.

A segment is examined some way past its end. Who goes on with the next one would have to decode those frames
again, from the keyframe before them; instead the decoder stays where it is, and the frames are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from framecloak.domain.ports import Frame, FrameSource
from framecloak.domain.ports.metrics import Meter, Stage, timed

MOST_KEPT_BYTES = 256 << 20
"""How much may lie in the memory of a worker between two segments; beyond that, decoding twice is better."""


class FrameReader:
    """Decodes a video from one frame on. Close it, unless somebody else reads on.

    Args:
        source: the video.
        start: the first frame to read.
        stop: behind the last one that anybody may want.
        meter: told how long decoding takes.

    Raises:
        TruncatedVideoError: the video ends before ``stop``.
    """

    def __init__(self, source: FrameSource, start: int, stop: int, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        self._decoded = source.frames(start, stop)
        self._next = start
        self._kept: deque[Frame] = deque()

    def close(self) -> None:
        """Free the decoder and the frames."""
        self._decoded.close()
        self._kept.clear()

    def is_at(self, source: FrameSource, start: int) -> bool:
        """Whether the next frame to read is this one of that video."""
        return self._source is source and self._next == start

    def frames(self, stop: int, end: int) -> Iterator[Frame]:
        """Read on.

        Args:
            stop: behind the last frame to read now.
            end: where somebody else may read on: frames from there on are kept, if they are not too large.

        Yields:
            Every frame up to ``stop`` once, in order.

        Raises:
            UnreadableVideoError: the video cannot be decoded.
        """
        place = kept_bytes = 0
        for index in range(self._next, stop):
            if place == len(self._kept):
                self._kept.append(self._decode())
            frame = self._kept[place]
            if index < end:
                self._kept.popleft()
                self._next = index + 1
            else:
                place += 1
                kept_bytes += frame.nbytes
            if kept_bytes > MOST_KEPT_BYTES:
                # Nobody can read on at the end any more.
                self._kept.clear()
                self._next = index + 1
                place, kept_bytes, end = 0, 0, stop
            yield frame

    def _decode(self) -> Frame:
        with timed(self._meter, Stage.DECODE):
            return next(self._decoded)
