"""Display times of frames at constant and variable frame rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

_MAX_TIMESCALE, _MIN_TIMESCALE = 1_000_000, 10_000
_FALLBACK_TIMESCALES = (1_000_000, 90_000, 10_000)
_MAX_GAP_TICKS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Display times of consecutive frames of a video.

    Attributes:
        base: duration of one tick in seconds.
        starts: tick at which each frame is shown, strictly ascending.
        end: tick at which the last frame ends.
    """

    base: Fraction
    starts: Sequence[int]
    end: int

    @classmethod
    def constant_rate(cls, rate: Fraction, start: int, stop: int) -> Timing:
        """Return the timing of frames ``[start, stop)`` at a constant ``rate`` in frames per second."""
        return cls(1 / rate, range(start, stop), stop)

    @property
    def interval_seconds(self) -> tuple[Fraction, Fraction]:
        """Start of the first frame and end of the last, in seconds on the video's clock."""
        return self.starts[0] * self.base, self.end * self.base

    def mp4_ticks(self) -> tuple[int, list[int]]:
        """Convert the times to ticks of a timescale that an MP4 track can have.

        The conversion is exact wherever a track can represent the video's own clock. Otherwise, if ticks are
        finer than a microsecond or gaps longer than half an hour, times are rounded such that no two frames
        coincide.

        Returns:
            Ticks per second, and the tick at which each frame is shown, starting at 0, followed by the tick
            at which the last frame ends.
        """
        elapsed = [tick - self.starts[0] for tick in (*self.starts, self.end)]
        scale, factor = self.base.denominator, self.base.numerator
        while scale < _MIN_TIMESCALE:
            scale, factor = 2 * scale, 2 * factor
        longest = max(after - before for before, after in pairwise(elapsed))
        if scale <= _MAX_TIMESCALE and longest * factor <= _MAX_GAP_TICKS:
            return scale, [factor * tick for tick in elapsed]
        fits = (rate for rate in _FALLBACK_TIMESCALES if longest * self.base * rate <= _MAX_GAP_TICKS)
        scale = next(fits, _FALLBACK_TIMESCALES[-1])
        ticks = [0]
        for before, after in pairwise(elapsed):
            step = round(after * self.base * scale) - round(before * self.base * scale)
            ticks.append(ticks[-1] + min(max(step, 1), _MAX_GAP_TICKS))
        return scale, ticks
