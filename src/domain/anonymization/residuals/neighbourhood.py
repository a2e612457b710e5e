"""Check of the frames around a residual, before any of them is delivered.

A residual re-opens the frames at most `REACH` frames away. They are searched whole, and the residual is
followed through them; see `spread.py`. Every frame is searched as its own check left it, so the result does
not depend on where a video is divided, provided that the frames around a segment are checked too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.residuals import SAMPLE_INTERVAL
from framecloak.domain.anonymization.residuals.detector import NeighbourReport
from framecloak.domain.anonymization.residuals.guard import ResidualGuard
from framecloak.domain.anonymization.residuals.spread import follow
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

REACH = SAMPLE_INTERVAL
"""Frames on each side of a residual that it re-opens: up to the next sampled frame."""

SAME_BOX_IOU = 0.5
"""IoU above which two boxes to fill are one."""


@dataclass(slots=True, eq=False)
class _Held:
    """Frame that waits for its neighbours.

    Attributes:
        frame: the frame as its own check left it, encoded.
        report: result of its search as a neighbour; None before it, or if it failed.
        searched: whether it was searched as a neighbour.
        followed: boxes of the faces that were found elsewhere and followed to this frame.
        followed_in: directions, 1 or -1, in which its own residuals were followed already.
    """

    frame: RedactedFrame
    report: NeighbourReport | None = None
    searched: bool = False
    followed: list[Boxes] = field(default_factory=list)
    followed_in: set[int] = field(default_factory=set)

    @property
    def residuals(self) -> Boxes:
        return np.array(self.frame.residuals, np.float64).reshape(-1, 4)


class Neighbourhood:
    """Buffer of checked frames, which leave it once the frames around them are known.

    Args:
        guard: residual check.
        pool: threads that search frames; never the ones that call this.
        size: width and height of the frames in pixels.
    """

    def __init__(self, guard: ResidualGuard, pool: Executor, size: tuple[int, int]) -> None:
        self._guard = guard
        self._pool = pool
        self._size = size
        self._held: deque[_Held] = deque()
        self._due = 0

    def add(self, frame: RedactedFrame) -> Iterator[RedactedFrame]:
        """Append the next frame, and yield those whose neighbours are all known."""
        self._held.append(_Held(frame))
        if len(self._held) > self._due + REACH:
            yield self._next()

    def rest(self) -> Iterator[RedactedFrame]:
        """Yield the remaining frames; no frame follows."""
        while self._due < len(self._held):
            yield self._next()

    def _next(self) -> RedactedFrame:
        """Return the next frame as it is delivered, and drop frames that no later one needs."""
        around = range(max(0, self._due - REACH), min(len(self._held), self._due + REACH + 1))
        sources = [at for at in around if self._held[at].frame.residuals]
        for at in sources:
            # All frames of this direction are known by now, those of the other one may not be.
            self._follow_from(at, 1 if at < self._due else -1)
        due = self._held[self._due]
        is_reopened = any(at != self._due for at in sources)
        if self._due < REACH:
            self._due += 1
        else:
            self._held.popleft()
        return self._covered(due) if is_reopened and not due.frame.blanked else due.frame

    def _follow_from(self, at: int, direction: int) -> None:
        """Follow the residuals of a frame forwards (1) or backwards (-1), once."""
        source = self._held[at]
        if direction in source.followed_in:
            return
        source.followed_in.add(direction)
        end = at + direction * (REACH + 1)
        path = [self._held[n] for n in range(at + direction, min(max(end, -1), len(self._held)), direction)]
        self._search(path)
        candidates = [_candidates(held) for held in path]
        for residual in source.residuals:
            for held, boxes in zip(path, follow(residual, candidates), strict=True):
                held.followed.append(boxes)

    def _search(self, path: Sequence[_Held]) -> None:
        unsearched = [held for held in path if not held.searched and not held.frame.blanked]
        reports = self._pool.map(self._guard.search_neighbour, [held.frame for held in unsearched])
        for held, report in zip(unsearched, reports, strict=True):
            held.report, held.searched = report, True

    def _covered(self, held: _Held) -> RedactedFrame:
        """Return a re-opened frame with everything covered that was found in it."""
        if held.report is None:
            return self._guard.cover_neighbour(held.frame, None, self._size)
        # In an order that does not depend on which residual was followed first.
        boxes = np.unique(np.concatenate([held.report.residuals, *held.followed]), axis=0)
        kept = box_geometry.nms(boxes, box_geometry.area(boxes), SAME_BOX_IOU)
        fresh = [box for box in boxes[kept] if not self._is_filled(held, box)]
        return self._guard.cover_neighbour(held.frame, np.array(fresh).reshape(-1, 4), self._size)

    @staticmethod
    def _is_filled(held: _Held, box: Boxes) -> bool:
        """Return whether the frame's own check has filled a box already."""
        if not held.frame.residuals:
            return False
        return bool((box_geometry.iou(box[None], held.residuals) > SAME_BOX_IOU).any())


def _candidates(held: _Held) -> Boxes:
    """Return the boxes in a frame that may be a face from a neighbour, including those already filled."""
    found = np.empty((0, 4)) if held.report is None else held.report.candidates
    return np.concatenate([held.residuals, found])
