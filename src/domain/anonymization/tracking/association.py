"""Which detections in different frames are the same face.

Detections are linked pair of frames by pair of frames: first neighbours, then across ever longer gaps,
each time by mutual best match among the ends that are still free. A link between frames ``t`` and
``t + g`` therefore depends on detections in ``[t - LOOK_BACK, t + g + LOOK_BACK]`` alone, and reversing
time reverses the links.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes

LOOK_BACK = 3
"""Frames over which the velocity of a face is estimated."""

MAX_GROWTH = 1.8
"""Largest ratio between the sizes of a face in two linked detections."""

REACH_NEXT = 0.7
"""Largest distance between linked detections of neighbouring frames, in face sizes, after prediction."""

REACH_PER_FRAME = 0.08
"""What every further frame of a gap adds to that distance."""

MAX_REACH = 1.2
"""No gap, however long, allows more than this distance."""

NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """For each detection, the one that continues its track; ``-1`` where there is none.

    Attributes:
        next: (n,) index of the detection that follows in the track.
        previous: (n,) index of the one before.
    """

    next: NDArray[np.intp]
    previous: NDArray[np.intp]

    def tracks(self) -> list[NDArray[np.intp]]:
        """Index arrays, one per track, each in order of time."""
        found = []
        following = self.next.tolist()
        for head in np.flatnonzero(self.previous == NONE).tolist():
            members = [head]
            while (after := following[members[-1]]) != NONE:
                members.append(after)
            found.append(np.array(members, np.intp))
        return found


def link(frames: NDArray[np.intp], boxes: Boxes, scenes: NDArray[np.intp], max_gap: int) -> Links:
    """Link detections into tracks.

    Args:
        frames: (n,) frame number of each detection, ascending, from 0.
        boxes: (n, 4) pixels.
        scenes: (frame count,) number of the scene that each frame belongs to; links stay inside one.
        max_gap: the longest step in frames; 1 links neighbours only.

    Returns:
        Links in which every detection has at most one successor and one predecessor.
    """
    links = Links(np.full(len(frames), NONE, np.intp), np.full(len(frames), NONE, np.intp))
    if len(frames) == 0:
        return links
    tails = _by_frame(frames, len(scenes))
    heads = [list(found) for found in tails]
    motion = _Motion(bx.centre(boxes), bx.size(boxes))
    for gap in range(1, max_gap + 1):
        for t in range(len(scenes) - gap):
            if tails[t] and heads[t + gap] and scenes[t] == scenes[t + gap]:
                for tail, head in _match(tails[t], heads[t + gap], gap, motion):
                    links.next[tail], links.previous[head] = head, tail
                    tails[t].remove(tail)
                    heads[t + gap].remove(head)
        if gap == 1:
            # Velocities come from links between neighbouring frames alone, which keeps them local.
            motion.estimate(links)
    return links


class _Motion:
    """Where faces are, how large, and where they are heading."""

    def __init__(self, centres: NDArray[np.float64], sizes: NDArray[np.float64]) -> None:
        self.centres = centres
        self.sizes = sizes
        self.velocity_before = np.full_like(centres, np.nan)
        self.velocity_after = np.full_like(centres, np.nan)

    def estimate(self, links: Links) -> None:
        """Take velocities, in pixels a frame, from up to ``LOOK_BACK`` neighbouring links on each side."""
        for steps, velocity, sign in (
            (links.previous, self.velocity_before, 1.0),
            (links.next, self.velocity_after, -1.0),
        ):
            reached = np.arange(len(steps))
            for count in range(1, LOOK_BACK + 1):
                onward = np.where(reached == NONE, NONE, steps[reached])
                moved = np.flatnonzero(onward != NONE)
                velocity[moved] = sign * (self.centres[moved] - self.centres[onward[moved]]) / count
                reached = onward

    def costs(self, tails: NDArray[np.intp], heads: NDArray[np.intp], gap: int) -> NDArray[np.float64]:
        """Distance of every tail to every head, (t, h), in face sizes, less the expected motion."""
        travelled = self.centres[heads][None] - self.centres[tails][:, None]
        from_tail = np.broadcast_to(self.velocity_before[tails][:, None], travelled.shape)
        from_head = np.broadcast_to(self.velocity_after[heads][None], travelled.shape)
        known = np.stack([from_tail, from_head])
        weights = ~np.isnan(known[..., :1])
        expected = gap * np.where(weights, known, 0.0).sum(0) / np.maximum(weights.sum(0), 1)
        tail_sizes, head_sizes = self.sizes[tails][:, None], self.sizes[heads][None]
        costs = np.hypot(*np.moveaxis(travelled - expected, -1, 0)) / np.sqrt(tail_sizes * head_sizes)
        alike = np.maximum(tail_sizes, head_sizes) <= MAX_GROWTH * np.minimum(tail_sizes, head_sizes)
        return np.asarray(np.where(alike, costs, np.inf))


def _by_frame(frames: NDArray[np.intp], count: int) -> list[list[int]]:
    """Indices of the detections of each frame."""
    indices: list[list[int]] = [[] for _ in range(count)]
    for index, frame in enumerate(frames.tolist()):
        indices[frame].append(index)
    return indices


def _match(tails: list[int], heads: list[int], gap: int, motion: _Motion) -> list[tuple[int, int]]:
    """Pairs in which each is the other's nearest, and near enough."""
    first, second = np.array(tails), np.array(heads)
    costs = motion.costs(first, second, gap)
    best_head, best_tail = costs.argmin(axis=1), costs.argmin(axis=0)
    reach = min(REACH_NEXT + REACH_PER_FRAME * (gap - 1), MAX_REACH)
    rows = np.arange(len(tails))
    mutual = (best_tail[best_head] == rows) & (costs[rows, best_head] <= reach)
    return list(zip(first[mutual].tolist(), second[best_head[mutual]].tolist(), strict=True))
