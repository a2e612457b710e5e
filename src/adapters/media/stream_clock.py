"""Clock of a media stream whose own time stamps wrap, repeat or jump.

A transport stream counts 33 bits of 1/90000 s and starts at any of them, recordings are joined without new
time stamps, and some demuxers give all packets of a page the same time. Players go on where the clock jumps;
so does this module. Jumps are recognised as FFmpeg's command line does it (``dts_delta_threshold``, 10 s).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import median_low

MAX_GAP_SECONDS = 10
"""Longest time in which frames that are numbered in the order of the file may be missing; more is a jump."""

MAX_INDEXED_GAP_SECONDS = 3600
"""Longest time without frames where time stamps only rise; more is a jump: FFmpeg takes a fall for a wrap."""

MAX_OVERLAP_SECONDS = 1
"""Longest time by which a stamp may lie behind the end of its predecessor; more is a jump of the clock."""


def rising_stamps(
    stamps: Sequence[int | None], time_base: Fraction, max_gap_seconds: int = MAX_GAP_SECONDS
) -> tuple[list[int], list[int]] | None:
    """Return time stamps that only rise, from those of frames in display order.

    Some files state when a frame is decoded, and the stamps of frames that are shown in another order fall
    by a few frames. Such stamps are sorted: the times are right, and only their order is not.

    Args:
        stamps: ticks of each frame as the decoder reports them.
        time_base: duration of a tick in seconds.
        max_gap_seconds: longest time between two frames that is no jump of the clock.

    Returns:
        Rising ticks, one per frame, and the ticks that were added from each jump of the clock on. None if a
        frame has no time stamp.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    if not known or len(known) != len(stamps) or not time_base:
        return None
    known = _sorted_between_jumps(known, time_base, max_gap_seconds)
    steps = [after - before for before, after in pairwise(known) if after > before]
    step = median_low(steps) if steps else 1
    rising, shifts, shift = [known[0]], [], 0
    for stamp in known[1:]:
        expected, tick = rising[-1] + step, stamp + shift
        if not -MAX_OVERLAP_SECONDS <= (tick - expected) * time_base <= max_gap_seconds:
            shift += expected - tick
            shifts.append(shift)
            tick = expected
        rising.append(tick if tick > rising[-1] else expected)
    return rising, shifts


def _sorted_between_jumps(stamps: Sequence[int], time_base: Fraction, max_gap_seconds: int) -> list[int]:
    parts: list[list[int]] = [[]]
    for place, stamp in enumerate(stamps):
        if place and not -MAX_OVERLAP_SECONDS <= (stamp - stamps[place - 1]) * time_base <= max_gap_seconds:
            parts.append([])
        parts[-1].append(stamp)
    return [stamp for part in parts for stamp in sorted(part)]


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
