"""Look closer where two looks for text and plates do not agree.

Between two looks a track is drawn as a straight line. That holds for what stands still or drifts, and neither
for what shakes, swings or passes by, nor for what is shown between two looks only. So frames wait until the
next look is known. Then what both have found is followed by its pixels, and a frame gets a look of its own
where something cannot be seen, or the two looks do not tell what happens between them. What is done with a
frame depends on nothing but the frames from one look to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import Examination
from framecloak.domain.anonymization.tracking.propagation import (
    AREAS,
    MOST_DRIFT,
    drift,
    leaves,
    seen_between,
    seen_later,
)
from framecloak.domain.anonymization.tracking.tracker import Found
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.ports import Frame

FARTHEST = 10.0
"""How far one may go and still be told to have moved, likewise."""

MOST_GROWTH = 1.5
"""How much wider or higher it may be then."""

MOST_SURPRISE = 32.0
"""Grey levels by which a cell of the picture may differ from what lies between the two looks."""


class CloserLooks:
    """Takes in examined frames, and gives them out, in the same order, when they were looked at enough.

    Args:
        pool: where closer looks are taken.
        look: examines a frame for text and plates.
        due: whether the frame with a number was looked at already.
        accept: lowest score of a find that another one must confirm.
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
        """Take in the next frame."""
        if not self._due(examined.index):
            self._between.append((examined, frame))
            return
        before = self._before
        between = [one for one, _ in self._between]
        block = [before, *between, examined] if before else []
        doubtful = doubtful_frames(block, self._accept) if block else set(range(len(between)))
        for place, (one, its_frame) in enumerate(self._between):
            if before and (before.patches or examined.patches):
                closer = place in doubtful
                self._queue.append(self._pool.submit(self._follow, one, its_frame, before, examined, closer))
            elif place in doubtful:
                self._queue.append(self._pool.submit(self._look, one, its_frame))
            else:
                self._queue.append(one)
        if before and leaves(before, examined):
            self._queue.append(self._pool.submit(_followed_to, examined, frame, before))
        else:
            self._queue.append(examined)
        self._before = examined
        self._between = []

    def continue_from(self, examined: Examination) -> None:
        """Begin behind a frame that was looked at, and given out, before."""
        self._before = examined

    def settled(self, allowed: int) -> Iterator[Examination]:
        """Frames that are done; waits until no more than so many are under way."""
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
        """The same with where the finds of two looks are; looked at where that cannot be seen."""
        if one.found is None:
            return one
        try:
            seen, complete = seen_between(frame, before, after, self._accept)
        except ExaminationError:
            return Examination(one.index, None, None)
        looked = self._look(one, frame) if closer or not complete else one
        return replace(looked, seen=seen) if looked.found is not None else looked


def _followed_to(examined: Examination, frame: Frame, before: Examination) -> Examination:
    """The same with what the look before has found, and this one has not."""
    if examined.found is None:
        return examined
    try:
        return replace(examined, seen=seen_later(frame, before, examined))
    except ExaminationError:
        return Examination(examined.index, None, None)


class Change(IntEnum):
    """What became of the sure finds from one look to the next."""

    NONE = 0
    APPEARANCE = 1
    """One came or went; what is sure is followed by its pixels."""
    MOTION = 2
    """One went further than it may, and was unsure at one end: finds on its way may say what it is."""


def doubtful_frames(block: Sequence[Examination], accept: float) -> set[int]:
    """The frames that two looks leave in doubt.

    Args:
        block: frames from one look to the next, both included.
        accept: lowest score of a find that must have its counterpart.

    Returns:
        Places among the frames between the looks: all of them where something that is unsure moves, or a
        frame was not examined; the one that shows most of what neither look shows where something comes or
        goes, or where it shows a lot. What is found in that one is taken to be in its neighbours too.
    """
    between = range(len(block) - 2)
    if not between:
        return set()
    if any(one.found is None for one in block):
        return set(between)
    change = max(_change(block[0].finds(kind), block[-1].finds(kind), accept) for kind in AREAS)
    if change is Change.MOTION:
        return set(between)
    surprises = _surprises(block)
    most = int(surprises.argmax())
    return {most} if change or surprises[most] > MOST_SURPRISE else set()


def _change(before: Found, after: Found, accept: float) -> Change:
    drifts = drift(before.boxes, after.boxes)
    stays = drifts <= MOST_DRIFT
    left = ~stays.any(axis=1)
    came = ~stays.any(axis=0)
    if not (left & (before.scores >= accept)).any() and not (came & (after.scores >= accept)).any():
        return Change.NONE
    alike = _sizes_are_alike(before.boxes[left], after.boxes[came])
    near = drifts[np.ix_(left, came)] <= FARTHEST
    both_sure = np.logical_and.outer(before.scores[left] >= accept, after.scores[came] >= accept)
    return Change.MOTION if (alike & near & ~both_sure).any() else Change.APPEARANCE


def _sizes_are_alike(first: Boxes, second: Boxes) -> NDArray[np.bool_]:
    """Whether neither width nor height changes much, (n, m)."""
    sides, others = (np.maximum(one[:, 2:] - one[:, :2], 1e-9) for one in (first, second))
    ratio = sides[:, None] / others[None]
    return np.asarray((np.maximum(ratio, 1 / ratio) <= MOST_GROWTH).all(axis=-1))


def _surprises(block: Sequence[Examination]) -> NDArray[np.float32]:
    """How far each frame between two looks is from what lies between those, (frames,) grey levels."""
    levels = np.stack([one.impression for one in block if one.impression is not None])
    share = np.linspace(0, 1, len(block), dtype=np.float32)[:, None]
    expected = (1 - share) * levels[0] + share * levels[-1]
    surprises: NDArray[np.float32] = np.abs(levels - expected)[1:-1].max(axis=1)
    return surprises
