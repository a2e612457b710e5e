"""Frame indices that one run decodes, samples, keeps and delivers: pure arithmetic, no frames."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameWindow:
    """A segment with the margins that the tracker needs around it.

    Text and plates are detected on sampled frames only: every ``interval``-th frame of the video, and the
    last frame that can be read. Counting in the video, not in the segment, makes neighbouring segments agree.

    Attributes:
        first: first frame to deliver.
        end: index after the last frame to deliver.
        margin: number of frames on each side of a frame that affect what is redacted in it.
        interval: interval between samples in frames; 1 samples every frame.
        readable: number of frames that can be read, which is less than the whole video if the file is
            truncated; at least ``end``.
        reach: number of frames on each side of the segment that are redacted and checked too, because a
            residual in them affects the segment; they are not delivered.
        block: interval between the boundaries of blocks in which faces are detected together, in frames.
    """

    first: int
    end: int
    margin: int
    interval: int
    readable: int
    reach: int = 0
    block: int = 1

    @property
    def rendered(self) -> range:
        """Frames to redact: the segment, and ``reach`` frames on each side of it."""
        return range(max(0, self.first - self.reach), min(self.readable, self.end + self.reach))

    @property
    def continues_from(self) -> int:
        """First frame that a segment which begins where this one ends redacts."""
        return max(0, self.end - self.reach)

    @property
    def start(self) -> int:
        """First frame to analyse: a sampled boundary, at least ``margin`` before the first rendered one."""
        return self.start_at_or_before(self.rendered.start - self.margin)

    @property
    def stop(self) -> int:
        """Index after the last frame to decode: ``margin`` after the rendered ones, up to a boundary."""
        last = self.start_at_or_before(self.rendered.stop + self.margin - 1 + self._alignment - 1)
        return min(self.readable, last + 1)

    def is_sampled(self, index: int) -> bool:
        """Return whether text and plates are detected in a frame regardless of its neighbours."""
        return index % self.interval == 0 or index == self.readable - 1

    def is_boundary(self, index: int) -> bool:
        """Return whether a block of face detection ends with a frame."""
        return index % self.block == 0 or index == self.readable - 1

    def start_at_or_before(self, index: int) -> int:
        """Return the last regular sample up to an index that is also a boundary; 0 for negative ones."""
        return max(0, index) // self._alignment * self._alignment

    @property
    def _alignment(self) -> int:
        return math.lcm(self.interval, self.block)

    def oldest_needed(self, due: int) -> int:
        """Return the first frame whose analysis is needed when all frames before ``due`` are decided.

        The next segment redacts up to twice ``reach`` frames once more.
        """
        return self.start_at_or_before(due - 2 * self.reach - self.margin)
