"""Adaptive detection: extra detection of text and plates where two passes disagree.

Between two passes a track is interpolated linearly. That is right for what stands still or drifts, but
wrong for what shakes, swings, passes by or appears only briefly. Therefore frames wait until the next pass
is known. The detections of both passes are then propagated by template matching. A frame gets a detection
of its own if a template cannot be located in it, or if the two passes leave open what happens between them.
The result for a frame depends only on the frames from one pass to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Examination
from framecloak.domain.anonymization.model.detections import Found
from framecloak.domain.anonymization.tracking.propagation import (
    AREAS,
    MOST_DRIFT,
    drift,
    leaves,
    seen_between,
    seen_later,
)
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.ports.frames import Frame

FARTHEST = 10.0
"""Largest displacement between two detections of one object, in units of the box's shorter side."""

MOST_GROWTH = 1.5
"""Largest ratio between the widths or heights of two such detections."""

MOST_SURPRISE = 32.0
"""Largest deviation of a grid cell from the interpolation between two passes, in grey levels."""


class CloserLooks:
    """Queue of analysed frames that adds detections where two passes disagree, and keeps the order.

    Args:
        pool: executor of the extra detections.
        look: detection of text and plates in a frame.
        due: predicate on frame numbers: True for frames of a regular pass.
        accept: score from which on a detection must have a counterpart in the other pass.
    """

    def __init__(
        self,
        pool: Executor,
        look: Callable[[Examination, Frame], Examination],
        due: Callable[[int], bool],
        accept: float,
    ) -> None:
        self._pool = pool
        self._look = look
        self._due = due
        self._accept = accept
        self._before: Examination | None = None
        self._between: list[tuple[Examination, Frame]] = []
        self._queue: deque[Examination | Future[Examination]] = deque()

    def add(self, examined: Examination, frame: Frame) -> None:
        """Add the next frame."""
        if not self._due(examined.index):
            self._between.append((examined, frame))
            return
        before = self._before
        between = [pending for pending, _ in self._between]
        block = [before, *between, examined] if before else []
        to_redetect = doubtful_frames(block, self._accept) if block else set(range(len(between)))
        for position, (pending, its_frame) in enumerate(self._between):
            if before and (before.patches or examined.patches):
                redetect = position in to_redetect
                self._queue.append(
                    self._pool.submit(self._follow, pending, its_frame, before, examined, redetect)
                )
            elif position in to_redetect:
                self._queue.append(self._pool.submit(self._look, pending, its_frame))
            else:
                self._queue.append(pending)
        if before and leaves(before, examined):
            self._queue.append(self._pool.submit(_followed_to, examined, frame, before))
        else:
            self._queue.append(examined)
        self._before = examined
        self._between = []

    def continue_from(self, examined: Examination) -> None:
        """Continue after a frame of a regular pass that was returned before."""
        self._before = examined

    def settled(self, allowed: int) -> Iterator[Examination]:
        """Yield finished frames, waiting until at most this many are in progress."""
        while self._queue:
            first = self._queue[0]
            if isinstance(first, Future):
                if len(self._queue) <= allowed and not first.done():
                    return
                first = first.result()
            self._queue.popleft()
            yield first

    def _follow(
        self, one: Examination, frame: Frame, before: Examination, after: Examination, closer: bool
    ) -> Examination:
        """Add the propagated boxes of two passes to a frame; run the detectors if any cannot be located."""
        if one.found is None:
            return one
        try:
            propagated, complete = seen_between(frame, before, after, self._accept)
        except ExaminationError:
            return Examination(one.index, None, None)
        result = self._look(one, frame) if closer or not complete else one
        return replace(result, seen=propagated) if result.found is not None else result


def _followed_to(examined: Examination, frame: Frame, before: Examination) -> Examination:
    """Add the boxes that were detected in the previous pass but not in this one."""
    if examined.found is None:
        return examined
    try:
        return replace(examined, seen=seen_later(frame, before, examined))
    except ExaminationError:
        return Examination(examined.index, None, None)


class Change(IntEnum):
    """Change of the high-scoring detections from one pass to the next."""

    NONE = 0
    APPEARANCE = 1
    """A detection appeared or disappeared; high-scoring ones are propagated by template matching."""
    MOTION = 2
    """A detection moved too far and has a low score in one pass: detections in between may confirm it."""


def doubtful_frames(block: Sequence[Examination], accept: float) -> set[int]:
    """Return the frames between two passes that need a detection of their own.

    Args:
        block: frames from one pass to the next, both included.
        accept: score from which on a detection must have a counterpart.

    Returns:
        Positions among the frames between the passes. All of them if a low-scoring detection moves or a frame
        was not analysed. If a detection appears or disappears, or any frame deviates strongly from both
        passes, only the frame that deviates most; its detections apply to the neighbouring frames too.
    """
    between = range(len(block) - 2)
    if not between:
        return set()
    if any(analysis.found is None for analysis in block):
        return set(between)
    change = max(_change(block[0].finds(kind), block[-1].finds(kind), accept) for kind in AREAS)
    if change is Change.MOTION:
        return set(between)
    deviations = _surprises(block)
    most = int(deviations.argmax())
    return {most} if change or deviations[most] > MOST_SURPRISE else set()


def _change(before: Found, after: Found, accept: float) -> Change:
    """Classify the change between the detections of two passes."""
    distances = drift(before.boxes, after.boxes)
    matched = distances <= MOST_DRIFT
    disappeared = ~matched.any(axis=1)
    appeared = ~matched.any(axis=0)
    if (
        not (disappeared & (before.scores >= accept)).any()
        and not (appeared & (after.scores >= accept)).any()
    ):
        return Change.NONE
    similar = _sizes_are_alike(before.boxes[disappeared], after.boxes[appeared])
    near = distances[np.ix_(disappeared, appeared)] <= FARTHEST
    both_sure = np.logical_and.outer(before.scores[disappeared] >= accept, after.scores[appeared] >= accept)
    return Change.MOTION if (similar & near & ~both_sure).any() else Change.APPEARANCE


def _sizes_are_alike(first: Boxes, second: Boxes) -> NDArray[np.bool_]:
    """Return whether both width and height are similar, (n, m)."""
    sides, others = (np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) for boxes in (first, second))
    ratio = sides[:, None] / others[None]
    return np.asarray((np.maximum(ratio, 1 / ratio) <= MOST_GROWTH).all(axis=-1))


def _surprises(block: Sequence[Examination]) -> NDArray[np.float32]:
    """Return the largest deviation of each frame from the interpolation between two passes, in grey levels.

    Returns:
        (frames,) float32, one value for each frame between the passes.
    """
    levels = np.stack([analysis.impression for analysis in block if analysis.impression is not None])
    share = np.linspace(0, 1, len(block), dtype=np.float32)[:, None]
    expected = (1 - share) * levels[0] + share * levels[-1]
    deviations: NDArray[np.float32] = np.abs(levels - expected)[1:-1].max(axis=1)
    return deviations
