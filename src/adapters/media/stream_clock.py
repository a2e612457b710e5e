"""Clock of a media stream whose own time stamps wrap, repeat or jump.

A transport stream counts 33 bits of 1/90000 s and starts at any of them, recordings are joined without new
time stamps, and some demuxers give all packets of a page the same time. Players go on where the clock jumps;
so does this module. Jumps are recognised as FFmpeg's command line does it (``dts_delta_threshold``, 10 s).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from fractions import Fraction
from itertools import chain

import numpy as np
from numpy.typing import NDArray

MAX_GAP_SECONDS = 10
"""Longest time in which frames that are numbered in the order of the file may be missing; more is a jump."""

MAX_INDEXED_GAP_SECONDS = 3600
"""Longest time without frames where time stamps only rise; more is a jump: FFmpeg takes a fall for a wrap."""

MAX_OVERLAP_SECONDS = 1
"""Longest time by which a stamp may lie behind the end of its predecessor; more is a jump of the clock."""

MAX_JUMPS = 10_000
"""Maximum number of jumps of a clock that are kept for the sound, which jumps with the frames."""

_MAX_TICKS = 1 << 61
"""Largest stamp: beyond it, which no recording reaches, differences would not fit 64 bits."""

_BLOCK = 1 << 16

Ticks = NDArray[np.int64]


def rising_stamps(
    stamps: Sequence[int | None] | Ticks, time_base: Fraction, max_gap_seconds: int = MAX_GAP_SECONDS
) -> tuple[Sequence[int], Sequence[int]] | None:
    """Return time stamps that only rise, from those of frames in display order.

    Some files state when a frame is decoded, and the stamps of frames that are shown in another order fall
    by a few frames. Such stamps are sorted: the times are right, and only their order is not.

    Args:
        stamps: ticks of each frame as the decoder reports them.
        time_base: duration of a tick in seconds.
        max_gap_seconds: longest time between two frames that is no jump of the clock.

    Returns:
        Rising ticks, one per frame, and the ticks that were added from each jump of the clock on, at most
        ``MAX_JUMPS`` of them. None if a frame has no time stamp, or the ticks exceed 64 bits.
    """
    if not len(stamps) or not time_base or None in stamps:
        return None
    # Numbers and no objects: a day of frames would take gigabytes.
    known = np.clip(np.asarray(stamps, np.int64), -_MAX_TICKS, _MAX_TICKS)
    longest = min(_MAX_TICKS, int(max_gap_seconds / time_base))
    overlap = min(_MAX_TICKS, int(MAX_OVERLAP_SECONDS / time_base))
    _sort_between_jumps(known, longest, overlap)
    step = _usual_step(known)
    gaps = np.diff(known)
    if len(gaps) == 0 or (gaps.min() > 0 and gaps.min() - step >= -overlap and gaps.max() - step <= longest):
        return array("q", known.tobytes()), array("q")
    del gaps
    try:
        return _without_jumps(known, step, longest, overlap)
    except OverflowError:
        return None


def _without_jumps(known: Ticks, step: int, longest: int, overlap: int) -> tuple[array[int], array[int]]:
    rising, shifts, shift = array("q", [int(known[0])]), array("q"), 0
    last = rising[0]
    for first in range(1, len(known), _BLOCK):
        for stamp in known[first : first + _BLOCK].tolist():
            expected, tick = last + step, stamp + shift
            if not -overlap <= tick - expected <= longest:
                shift += expected - tick
                if len(shifts) < MAX_JUMPS:
                    shifts.append(shift)
                tick = expected
            last = tick if tick > last else expected
            rising.append(last)
    return rising, shifts


def _sort_between_jumps(stamps: Ticks, longest: int, overlap: int) -> None:
    gaps = np.diff(stamps)
    jumps = np.flatnonzero((gaps < -overlap) | (gaps > longest)) + 1
    start = 0
    del gaps
    for end in chain(map(int, jumps), (len(stamps),)):
        stamps[start:end].sort()
        start = end


def _usual_step(stamps: Ticks) -> int:
    """Return the lower median of the positive steps between stamps; 1 if there are none."""
    steps = np.diff(stamps)
    steps = steps[steps > 0]
    if not len(steps):
        return 1
    middle = (len(steps) - 1) // 2
    steps.partition(middle)
    return int(steps[middle])


class PacketClock:
    """Start times of successive audio packets, in seconds; each is later than the one before.

    Args:
        shifts: seconds that the frames' clock adds from each of its jumps on; the sound jumps with them.
    """

    def __init__(self, shifts: Sequence[Fraction] = ()) -> None:
        self._shifts = list(shifts)
        self._shift = Fraction(0)
        self._expected: Fraction | None = None

    def start(self, stamp: Fraction | None, duration: Fraction) -> Fraction | None:
        """Return the time of the next packet.

        Args:
            stamp: time that the container states; None if it states none.
            duration: duration of the packet; 0 if it is unknown.

        Returns:
            The time; None for a packet without a time stamp before any that has one.
        """
        expected = self._expected
        if stamp is None:
            begin = expected
        elif expected is None:
            begin = stamp
        else:
            begin = self._after(expected, stamp, duration)
        if begin is not None:
            self._expected = begin + duration
        return begin

    def _after(self, expected: Fraction, stamp: Fraction, duration: Fraction) -> Fraction:
        distance = stamp + self._shift - expected
        if distance < -MAX_OVERLAP_SECONDS:
            self._shift = self._shift_of_frames(expected - stamp) or expected - stamp
        elif distance > MAX_GAP_SECONDS:
            # A long gap may be silence; it is a jump only if the frames jump with it.
            self._shift = self._shift_of_frames(expected - stamp) or self._shift
        distance = stamp + self._shift - expected
        # Stamps are rounded, to milliseconds for example: half a packet is no overlap.
        return max(expected, stamp + self._shift) if distance < -duration / 2 else stamp + self._shift

    def _shift_of_frames(self, own: Fraction) -> Fraction | None:
        """Return the shift of the frames that is nearest to the sound's own; None if none is near."""
        near = [shift for shift in self._shifts if abs(shift - own) <= MAX_OVERLAP_SECONDS]
        return min(near, key=lambda shift: abs(shift - own), default=None)
