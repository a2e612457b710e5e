"""Division of a request's frames into slices small enough to be repeated after a crash."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from framecloak.domain.model.segments import Segment

SLICE_FRAMES = 250
"""Maximum frames of one slice: seconds of work at 1080p, so that a crashed worker costs little."""

_LEEWAY = 5
"""Share of a slice by which a cut may move to reach a keyframe, as a divisor: one fifth."""


def plan_slices(
    stretches: Sequence[Segment],
    keyframes: Sequence[int] = (),
    longest: int = SLICE_FRAMES,
    unit: int = 1,
) -> tuple[Segment, ...]:
    """Cut ranges of a video into slices of roughly equal length.

    The frames of a result do not depend on the cuts. A cut at a keyframe spares the worker that starts there
    from decoding frames that are not requested.

    Args:
        stretches: ranges of frames to deliver, disjoint and ascending.
        keyframes: indexes of frames at which decoding can start, ascending; empty when unknown.
        longest: maximum frames of a slice, at least 1.
        unit: size in frames of a group that must stay together, counted from the start of a range. A slice
            exceeds ``longest`` rather than split a group.

    Returns:
        Slices, disjoint and ascending, that cover all ranges; none crosses the end of a range.
    """
    if unit > 1:
        return tuple(part for requested in stretches for part in _in_units(requested, longest, unit))
    return tuple(part for requested in stretches for part in _pieces(requested, keyframes, longest))


def _in_units(stretch: Segment, longest: int, unit: int) -> Iterator[Segment]:
    units = -(-len(stretch) // unit)
    count = -(-units // max(1, longest // unit))
    cuts = [stretch.start_frame + unit * (units * number // count) for number in range(count)]
    for start, end in pairwise([*cuts, stretch.end_frame]):
        yield Segment(start, end)


def _pieces(stretch: Segment, keyframes: Sequence[int], longest: int) -> Iterator[Segment]:
    start = stretch.start_frame
    while start < stretch.end_frame:
        remaining = stretch.end_frame - start
        count = -(-remaining // longest)
        end = start + -(-remaining // count)
        if count > 1:
            # Cutting earlier than this would make the remaining frames need one more slice.
            lowest = max(end - longest // _LEEWAY, stretch.end_frame - (count - 1) * longest)
            end = _moved_to_keyframe(end, keyframes, lowest, highest=start + longest)
        yield Segment(start, min(end, stretch.end_frame))
        start = end


def _moved_to_keyframe(cut: int, keyframes: Sequence[int], lowest: int, highest: int) -> int:
    """Return the keyframe nearest to a cut, or the cut itself when none is within the bounds."""
    index = bisect_left(keyframes, cut)
    candidates = [frame for frame in keyframes[max(0, index - 1) : index + 1] if lowest <= frame <= highest]
    return min(candidates, key=lambda frame: abs(frame - cut), default=cut)


def choose_slice(ready: Sequence[int], after: int | None) -> int:
    """Choose the slice of a request to process next.

    A worker that continues where its last slice ended need not analyse the frames around the cut again. A
    worker new to the request starts in the middle of the longest run of free slices, which leaves the first
    half of that run to the worker in front of it.

    Args:
        ready: numbers of the slices that may be leased, ascending, at least one.
        after: number of the slice that this worker finished last, if it belongs to the same request.

    Returns:
        The number of the slice.
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
