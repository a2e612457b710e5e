"""How the frames of a request are divided into slices, each small enough to be lost and done again."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from framecloak.domain.videos.segments import Segment

SLICE_FRAMES = 250
"""Frames of one slice: seconds of work at 1080p, so that little is lost with a worker."""

_LEEWAY = 5
"""A cut may move to a keyframe by this fraction of a slice, one fifth."""


def plan_slices(
    stretches: Sequence[Segment],
    keyframes: Sequence[int] = (),
    longest: int = SLICE_FRAMES,
    unit: int = 1,
) -> tuple[Segment, ...]:
    """Cut stretches of a video into slices of about the same length.

    Where a slice begins makes no difference to what is in it. A cut at a keyframe spares whoever begins there
    the decoding of frames that nobody wants.

    Args:
        stretches: frames to deliver, disjoint and ascending.
        keyframes: numbers of frames that decoding can begin with, ascending; empty where they are not known.
        longest: frames that a slice may have, at least 1.
        unit: frames that belong together, counted from the beginning of a stretch; no cut comes between
            them, even if a slice must then be longer.

    Returns:
        Slices, disjoint and ascending, that cover the stretches; none reaches over the end of one.
    """
    if unit > 1:
        return tuple(piece for stretch in stretches for piece in _in_units(stretch, longest, unit))
    return tuple(piece for stretch in stretches for piece in _pieces(stretch, keyframes, longest))


def _in_units(stretch: Segment, longest: int, unit: int) -> Iterator[Segment]:
    units = -(-len(stretch) // unit)
    pieces = -(-units // max(1, longest // unit))
    cuts = [stretch.start_frame + unit * (units * piece // pieces) for piece in range(pieces)]
    for start, end in pairwise([*cuts, stretch.end_frame]):
        yield Segment(start, end)


def _pieces(stretch: Segment, keyframes: Sequence[int], longest: int) -> Iterator[Segment]:
    start = stretch.start_frame
    while start < stretch.end_frame:
        left = stretch.end_frame - start
        pieces = -(-left // longest)
        end = start + -(-left // pieces)
        if pieces > 1:
            # Not so far back that what is left would need another slice.
            lowest = max(end - longest // _LEEWAY, stretch.end_frame - (pieces - 1) * longest)
            end = _moved_to_keyframe(end, keyframes, lowest, highest=start + longest)
        yield Segment(start, min(end, stretch.end_frame))
        start = end


def _moved_to_keyframe(cut: int, keyframes: Sequence[int], lowest: int, highest: int) -> int:
    """The keyframe next to a cut, if there is one within bounds."""
    at = bisect_left(keyframes, cut)
    near = [one for one in keyframes[max(0, at - 1) : at + 1] if lowest <= one <= highest]
    return min(near, key=lambda one: abs(one - cut), default=cut)


def choose_slice(ready: Sequence[int], after: int | None) -> int:
    """Which slice of a request to do next.

    A worker that goes on where it left off need not examine the frames around the cut again. Whoever comes
    new begins in the middle of the longest run of slices that nobody does, which leaves the first half of it
    to the worker before.

    Args:
        ready: numbers of slices that may be done, ascending, at least one.
        after: number of the slice that this worker did last, if it is of the same request.
    """
    if after is not None and after + 1 in ready:
        return after + 1
    if ready[0] == 0:
        return 0
    runs: list[list[int]] = []
    for number in ready:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    longest = max(runs, key=len)
    return longest[len(longest) // 2]
