"""Association of detections in different frames into tracks.

Pairs of frames are processed one by one: first neighbours, then across ever longer gaps, each time by
mutual best match among the detections that are still free. An association between frames ``t`` and
``t + g`` therefore depends only on detections in ``[t - VELOCITY_WINDOW, t + g + VELOCITY_WINDOW]``, and
reversing time reverses the associations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

VELOCITY_WINDOW = 3
"""Frames over which the velocity of a face is estimated."""

MAX_SIZE_RATIO = 1.8
"""Largest ratio between the sizes of two associated detections."""

MAX_ADJACENT_DISTANCE = 0.7
"""Largest distance between detections of neighbouring frames, in face sizes, after motion prediction."""

DISTANCE_PER_GAP_FRAME = 0.08
"""Distance added to that limit for every further frame of a gap, in face sizes."""

MAX_DISTANCE = 1.2
"""Upper bound of the distance limit for gaps, in face sizes; that of neighbouring frames may be larger."""

FULL_RATE = 23.97
"""Frames per second from which on the distance between neighbouring frames is ``MAX_ADJACENT_DISTANCE``."""

UNLINKED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Associations:
    """Successor and predecessor of each detection in its track; ``-1`` if there is none.

    Attributes:
        next: (n,) index of the next detection of the track.
        previous: (n,) index of the previous one.
    """

    next: NDArray[np.intp]
    previous: NDArray[np.intp]

    def tracks(self) -> list[NDArray[np.intp]]:
        """Return one index array per track, each in order of time."""
        tracks = []
        following = self.next.tolist()
        for head in np.flatnonzero(self.previous == UNLINKED).tolist():
            members = [head]
            while (successor := following[members[-1]]) != UNLINKED:
                members.append(successor)
            tracks.append(np.array(members, np.intp))
        return tracks


def adjacent_distance(frames_per_second: float) -> float:
    """Return the largest distance between detections of neighbouring frames at a frame rate, in face sizes.

    Below `FULL_RATE` people move further between two frames: at 10, someone who walks across the
    picture moves by about 0.7 to 1 face sizes.

    Args:
        frames_per_second: frame rate of the video, above 0.
    """
    return MAX_ADJACENT_DISTANCE * max(1.0, FULL_RATE / frames_per_second)


def associate(
    frames: NDArray[np.intp],
    boxes: Boxes,
    shots: NDArray[np.intp],
    max_gap: int,
    max_adjacent_distance: float = MAX_ADJACENT_DISTANCE,
) -> Associations:
    """Associate detections into tracks.

    Args:
        frames: (n,) frame index of each detection, ascending, from 0.
        boxes: (n, 4) pixels.
        shots: (frame count,) shot number of each frame; associations stay inside one shot.
        max_gap: longest step in frames; 1 associates neighbouring frames only.
        max_adjacent_distance: largest distance between detections of neighbouring frames, in face sizes.

    Returns:
        Associations in which every detection has at most one successor and one predecessor.
    """
    associations = Associations(
        np.full(len(frames), UNLINKED, np.intp), np.full(len(frames), UNLINKED, np.intp)
    )
    if len(frames) == 0:
        return associations
    tails = _by_frame(frames, len(shots))
    heads = [list(indices) for indices in tails]
    motion = _Motion(box_geometry.centre(boxes), box_geometry.size(boxes))
    for gap in range(1, max_gap + 1):
        further = min(max_adjacent_distance + DISTANCE_PER_GAP_FRAME * (gap - 1), MAX_DISTANCE)
        reach = max(max_adjacent_distance, further)
        for t in range(len(shots) - gap):
            if tails[t] and heads[t + gap] and shots[t] == shots[t + gap]:
                for tail, head in _mutual_best_pairs(tails[t], heads[t + gap], gap, reach, motion):
                    associations.next[tail], associations.previous[head] = head, tail
                    tails[t].remove(tail)
                    heads[t + gap].remove(head)
        if gap == 1:
            # Velocities are estimated from neighbouring frames only, which keeps the dependencies local.
            motion.estimate(associations)
    return associations


class _Motion:
    """Positions, sizes and velocities of the detections."""

    def __init__(self, centres: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
        self.centres = centres
        self.sizes = sizes
        self.velocity_before = np.full_like(centres, np.nan)
        self.velocity_after = np.full_like(centres, np.nan)

    def estimate(self, associations: Associations) -> None:
        """Estimate velocities in pixels per frame from up to ``VELOCITY_WINDOW`` links on each side."""
        for steps, velocity, sign in (
            (associations.previous, self.velocity_before, 1.0),
            (associations.next, self.velocity_after, -1.0),
        ):
            reached = np.arange(len(steps))
            for count in range(1, VELOCITY_WINDOW + 1):
                onward = np.where(reached == UNLINKED, UNLINKED, steps[reached])
                moved = np.flatnonzero(onward != UNLINKED)
                velocity[moved] = sign * (self.centres[moved] - self.centres[onward[moved]]) / count
                reached = onward

    def costs(self, tails: NDArray[np.intp], heads: NDArray[np.intp], gap: int) -> NDArray[np.float64]:
        """Return the distance of every tail to every head, (t, h), in face sizes, after motion prediction.

        Pairs whose sizes differ too much have infinite cost.
        """
        displacement = self.centres[heads][None] - self.centres[tails][:, None]
        from_tail = np.broadcast_to(self.velocity_before[tails][:, None], displacement.shape)
        from_head = np.broadcast_to(self.velocity_after[heads][None], displacement.shape)
        velocities = np.stack([from_tail, from_head])
        weights = ~np.isnan(velocities[..., :1])
        expected = gap * np.where(weights, velocities, 0.0).sum(0) / np.maximum(weights.sum(0), 1)
        tail_sizes, head_sizes = self.sizes[tails][:, None], self.sizes[heads][None]
        costs = np.hypot(*np.moveaxis(displacement - expected, -1, 0)) / np.sqrt(tail_sizes * head_sizes)
        comparable = np.maximum(tail_sizes, head_sizes) <= MAX_SIZE_RATIO * np.minimum(tail_sizes, head_sizes)
        return np.asarray(np.where(comparable, costs, np.inf))


def _by_frame(frames: NDArray[np.intp], count: int) -> list[list[int]]:
    """Return the indices of the detections of each frame."""
    indices: list[list[int]] = [[] for _ in range(count)]
    for index, frame in enumerate(frames.tolist()):
        indices[frame].append(index)
    return indices


def _mutual_best_pairs(
    tails: list[int], heads: list[int], gap: int, reach: float, motion: _Motion
) -> list[tuple[int, int]]:
    """Return the pairs that are each other's nearest neighbours and close enough."""
    first, second = np.array(tails), np.array(heads)
    costs = motion.costs(first, second, gap)
    best_head, best_tail = costs.argmin(axis=1), costs.argmin(axis=0)
    rows = np.arange(len(tails))
    mutual = (best_tail[best_head] == rows) & (costs[rows, best_head] <= reach)
    return list(zip(first[mutual].tolist(), second[best_head[mutual]].tolist(), strict=True))
