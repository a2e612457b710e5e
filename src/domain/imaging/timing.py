"""When frames are shown, whatever the rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

_FINEST, _COARSEST = 1_000_000, 10_000
_FALLBACKS = (1_000_000, 90_000, 10_000)
_LONGEST_GAP = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Timing:
    """When some neighbouring frames of a video are shown.

    Attributes:
        base: seconds that one tick takes.
        starts: for each frame the tick from which it is shown, strictly ascending.
        end: the tick at which the last one is over.
    """

    base: Fraction
    starts: Sequence[int]
    end: int

    @classmethod
    def steady(cls, rate: Fraction, start: int, stop: int) -> Timing:
        """Frames ``[start, stop)`` of a video that shows ``rate`` of them a second."""
        return cls(1 / rate, range(start, stop), stop)

    @property
    def seconds(self) -> tuple[Fraction, Fraction]:
        """When the first frame is shown and when the last is over, on the video's clock."""
        return self.starts[0] * self.base, self.end * self.base

    def clock(self) -> tuple[int, list[int]]:
        """The same times on a clock that an MP4 track can have.

        Exact wherever a track can hold the video's own clock. Otherwise, with ticks finer than a microsecond
        or gaps of more than half an hour, times are rounded and two frames never fall together.

        Returns:
            Ticks a second; and for every frame the tick from which it is shown, the first at 0, followed by
            the tick at which the last one is over.
        """
        elapsed = [tick - self.starts[0] for tick in (*self.starts, self.end)]
        scale, factor = self.base.denominator, self.base.numerator
        while scale < _COARSEST:
            scale, factor = 2 * scale, 2 * factor
        longest = max(after - before for before, after in pairwise(elapsed))
        if scale <= _FINEST and longest * factor <= _LONGEST_GAP:
            return scale, [factor * tick for tick in elapsed]
        fits = (one for one in _FALLBACKS if longest * self.base * one <= _LONGEST_GAP)
        scale = next(fits, _FALLBACKS[-1])
        ticks = [0]
        for before, after in pairwise(elapsed):
            step = round(after * self.base * scale) - round(before * self.base * scale)
            ticks.append(ticks[-1] + min(max(step, 1), _LONGEST_GAP))
        return scale, ticks
