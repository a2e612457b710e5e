"""Look closer where two looks for text and plates do not agree.

Between two looks a track is drawn as a straight line. That holds for what stands still or drifts, and not
for a plate that passes by or a line that scrolls; and what is shown between two looks only would be missed.
So frames wait until the next look is known, and get one of their own where the two do not tell what happens
between them. Which frames do depends on nothing but the frames from one look to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future

import numpy as np

from domain.anonymization.boxes import Boxes
from domain.anonymization.examination import Examination
from domain.detection import Kind
from domain.ports import Frame

MOST_DRIFT = 0.5
"""How far a side of a box may move between two looks, in the box's shorter sides."""

MOST_SURPRISE = 24.0
"""Grey levels by which a cell of the picture may differ from what lies between the two looks."""

AREAS = (Kind.TEXT, Kind.PLATE)


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
        block = [one for one, _ in self._between]
        closer = self._before is None or differ([self._before, *block, examined], self._accept)
        for one, its_frame in self._between:
            self._queue.append(self._pool.submit(self._look, one, its_frame) if closer else one)
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


def differ(block: Sequence[Examination], accept: float) -> bool:
    """Whether two looks leave open what happens between them.

    Args:
        block: frames from one look to the next, both included.
        accept: lowest score of a find that must have its counterpart.

    Returns:
        True where a frame was not examined, a sure find appears, vanishes or moves far, or the picture shows
        in between what it shows in neither look.
    """
    first, last = block[0], block[-1]
    if any(one.found is None for one in block):
        return True
    return any(_moved(first, last, kind, accept) for kind in AREAS) or _surprises(block)


def _moved(first: Examination, last: Examination, kind: Kind, accept: float) -> bool:
    before, after = first.finds(kind), last.finds(kind)
    sure_before = before.boxes[before.scores >= accept]
    sure_after = after.boxes[after.scores >= accept]
    return _lacks(sure_before, after.boxes) or _lacks(sure_after, before.boxes)


def _lacks(boxes: Boxes, others: Boxes) -> bool:
    """Whether one of the boxes (n, 4) has no counterpart among others (m, 4)."""
    if not len(boxes):
        return False
    if not len(others):
        return True
    drift = np.abs(boxes[:, None] - others[None]).max(axis=-1)
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(axis=-1)
    return bool((drift.min(axis=1) > MOST_DRIFT * shorter).any())


def _surprises(block: Sequence[Examination]) -> bool:
    impressions = [one.impression for one in block]
    if any(impression is None for impression in impressions):
        return True
    levels = np.stack([impression for impression in impressions if impression is not None])
    share = np.linspace(0, 1, len(block), dtype=np.float32)[:, None]
    expected = (1 - share) * levels[0] + share * levels[-1]
    return bool(np.abs(levels - expected).max() > MOST_SURPRISE)
