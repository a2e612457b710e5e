"""Division of a request's frames into slices small enough to be repeated after a crash."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from framecloak.domain.model.segments import Segment

SLICE_FRAMES = 250
"""Maximum frames of one slice: seconds of work at 1080p, so that a crashed worker costs little."""

_KEYFRAME_SHIFT_DIVISOR = 5
"""Share of a slice by which a cut may move to reach a keyframe, as a divisor: one fifth."""


def plan_slices(
    ranges: Sequence[Segment],
    keyframes: Sequence[int] = (),
    max_frames: int = SLICE_FRAMES,
    group_frames: int = 1,
) -> tuple[Segment, ...]:
    """Cut ranges of a video into slices of roughly equal length.

    The frames of a result do not depend on the cuts. A cut at a keyframe spares the worker that starts there
    from decoding frames that are not requested.

    Args:
        ranges: ranges of frames to deliver, disjoint and ascending.
        keyframes: indices of frames at which decoding can start, ascending; empty when unknown.
        max_frames: maximum frames of a slice, at least 1.
        group_frames: size in frames of a group that must stay together, counted from the start of a range. A
            slice exceeds ``max_frames`` rather than split a group.

    Returns:
        Slices, disjoint and ascending, that cover all ranges; none crosses the end of a range.
    """
    if group_frames > 1:
        return tuple(
            part for requested in ranges for part in _slices_of_groups(requested, max_frames, group_frames)
        )
    return tuple(
        part for requested in ranges for part in _slices_at_keyframes(requested, keyframes, max_frames)
    )


def _slices_of_groups(segment: Segment, max_frames: int, group_frames: int) -> Iterator[Segment]:
    units = -(-len(segment) // group_frames)
    count = -(-units // max(1, max_frames // group_frames))
    cuts = [segment.start_frame + group_frames * (units * number // count) for number in range(count)]
    for start, end in pairwise([*cuts, segment.end_frame]):
        yield Segment(start, end)


def _slices_at_keyframes(segment: Segment, keyframes: Sequence[int], max_frames: int) -> Iterator[Segment]:
    start = segment.start_frame
    while start < segment.end_frame:
        remaining = segment.end_frame - start
        count = -(-remaining // max_frames)
        end = start + -(-remaining // count)
        if count > 1:
            # Cutting earlier than this would make the remaining frames need one more slice.
            lowest = max(
                end - max_frames // _KEYFRAME_SHIFT_DIVISOR, segment.end_frame - (count - 1) * max_frames
            )
            end = _nearest_keyframe(end, keyframes, lowest, highest=start + max_frames)
        yield Segment(start, min(end, segment.end_frame))
        start = end


def _nearest_keyframe(cut: int, keyframes: Sequence[int], lowest: int, highest: int) -> int:
    """Return the keyframe nearest to a cut, or the cut itself when none is within the bounds."""
    index = bisect_left(keyframes, cut)
    candidates = [frame for frame in keyframes[max(0, index - 1) : index + 1] if lowest <= frame <= highest]
    return min(candidates, key=lambda frame: abs(frame - cut), default=cut)


def choose_slice(ready: Sequence[int], last: int | None) -> int:
    """Choose the slice of a request to process next.

    A worker that continues where its last slice ended need not analyse the frames around the cut again. A
    worker new to the request starts in the middle of the longest run of free slices, which leaves the first
    half of that run to the worker in front of it.

    Args:
        ready: numbers of the slices that may be leased, ascending, at least one.
        last: number of the slice that this worker finished last, if it belongs to the same request.

    Returns:
        The number of the slice.
    """
    if last is not None and last + 1 in ready:
        return last + 1
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
