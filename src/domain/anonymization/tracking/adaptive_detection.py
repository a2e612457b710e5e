"""Adaptive detection: extra detection of text and plates where two passes disagree.

Between two passes a track is interpolated linearly. That suits objects that stand still or drift, but
not those that shake, swing, pass by or appear only briefly. Therefore frames wait until the next pass is
complete. The detections of both passes are then propagated by template matching. A frame gets a detection
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

from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.tracking.propagation import (
    MAX_CORNER_DISTANCE,
    PROPAGATED_KINDS,
    any_unmatched,
    corner_distance,
    propagate_between,
    propagate_forward,
)
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.ports.frames import Frame

MAX_MOTION = 10.0
"""Largest displacement between two detections of one object, in units of the box's shorter side."""

MAX_SIDE_RATIO = 1.5
"""Largest ratio between the widths or heights of two such detections."""

MAX_GRID_DEVIATION = 32.0
"""Largest deviation of a grid cell from the interpolation between two passes, in grey levels."""


class AdaptiveDetection:
    """Queue of analysed frames that adds detections where two passes disagree, and keeps the order.

    Args:
        pool: executor of the extra detections.
        detect: detection of text and plates in a frame.
        is_sampled: predicate on frame indices: True for frames of a regular pass.
        high_threshold: score from which on a detection must have a counterpart in the other pass.
        compare: comparison of a frame with the passes before and after it; None for none.
    """

    def __init__(
        self,
        pool: Executor,
        detect: Callable[[FrameAnalysis, Frame], FrameAnalysis],
        is_sampled: Callable[[int], bool],
        high_threshold: float,
        compare: Callable[[FrameAnalysis, Frame, FrameAnalysis, FrameAnalysis], FrameAnalysis] | None = None,
    ) -> None:
        self._compare = compare
        self._pool = pool
        self._detect = detect
        self._is_sampled = is_sampled
        self._high_threshold = high_threshold
        self._before: FrameAnalysis | None = None
        self._between: list[tuple[FrameAnalysis, Frame]] = []
        self._queue: deque[FrameAnalysis | Future[FrameAnalysis]] = deque()

    def add(self, analysis: FrameAnalysis, frame: Frame) -> None:
        """Add the next frame."""
        if not self._is_sampled(analysis.index):
            self._between.append((analysis, frame))
            return
        before = self._before
        between = [pending for pending, _ in self._between]
        block = [before, *between, analysis] if before else []
        to_redetect = frames_to_redetect(block, self._high_threshold) if block else set(range(len(between)))
        for position, (pending, its_frame) in enumerate(self._between):
            if before and (before.templates or analysis.templates):
                redetect = position in to_redetect
                self._queue.append(
                    self._pool.submit(self._propagate, pending, its_frame, before, analysis, redetect)
                )
            elif position in to_redetect:
                self._queue.append(self._pool.submit(self._detect, pending, its_frame))
            else:
                self._queue.append(pending)
        # Unrelated images have no templates: nothing is carried from one to the next.
        if before and before.templates and any_unmatched(before, analysis):
            self._queue.append(self._pool.submit(_propagated_forward, analysis, frame, before))
        else:
            self._queue.append(analysis)
        self._before = analysis
        self._between = []

    def continue_from(self, analysis: FrameAnalysis) -> None:
        """Continue after a frame of a regular pass that was returned before."""
        self._before = analysis

    def completed(self, max_pending: int) -> Iterator[FrameAnalysis]:
        """Yield finished frames, waiting until at most this many are in progress."""
        while self._queue:
            first = self._queue[0]
            if isinstance(first, Future):
                if len(self._queue) <= max_pending and not first.done():
                    return
                first = first.result()
            self._queue.popleft()
            yield first

    def _propagate(
        self,
        analysis: FrameAnalysis,
        frame: Frame,
        before: FrameAnalysis,
        after: FrameAnalysis,
        redetect: bool,
    ) -> FrameAnalysis:
        """Add the propagated boxes of two passes to a frame; run the detectors if any cannot be located."""
        if analysis.faces is None:
            return analysis
        try:
            propagated, complete = propagate_between(frame, before, after, self._high_threshold)
        except FrameAnalysisError:
            return FrameAnalysis(analysis.index, None, None)
        result = self._detect(analysis, frame) if redetect or not complete else analysis
        if result.faces is None:
            return result
        result = replace(result, propagated=propagated)
        return self._compare(result, frame, before, after) if self._compare else result


def _propagated_forward(analysis: FrameAnalysis, frame: Frame, before: FrameAnalysis) -> FrameAnalysis:
    """Add the boxes that were detected in the previous pass but not in this one."""
    if analysis.faces is None:
        return analysis
    try:
        return replace(analysis, propagated=propagate_forward(frame, before, analysis))
    except FrameAnalysisError:
        # What the next key frame is compared with remains, so that a slice that continues here agrees.
        failed = FrameAnalysis(analysis.index, None, analysis.luma_grid)
        return replace(failed, first_look=analysis.first_look)


class PassChange(IntEnum):
    """Change of the high-scoring detections from one pass to the next."""

    NONE = 0
    APPEARANCE = 1
    """A detection appeared or disappeared; high-scoring ones are propagated by template matching."""
    MOTION = 2
    """A detection moved too far and has a low score in one pass: detections in between may confirm it."""


def frames_to_redetect(block: Sequence[FrameAnalysis], high_threshold: float) -> set[int]:
    """Return the frames between two passes that need a detection of their own.

    Args:
        block: frames from one pass to the next, both included.
        high_threshold: score from which on a detection must have a counterpart.

    Returns:
        Positions among the frames between the passes. All of them if a low-scoring detection moves or a frame
        was not analysed. If a detection appears or disappears, or any frame deviates strongly from both
        passes, only the frame that deviates most; its detections apply to the neighbouring frames too.
    """
    between = range(len(block) - 2)
    if not between:
        return set()
    if any(analysis.faces is None for analysis in block):
        return set(between)
    change = max(
        _classify_change(block[0].detections(kind), block[-1].detections(kind), high_threshold)
        for kind in PROPAGATED_KINDS
    )
    if change is PassChange.MOTION:
        return set(between)
    deviations = _deviations(block)
    most = int(deviations.argmax())
    return {most} if change or deviations[most] > MAX_GRID_DEVIATION else set()


def _classify_change(before: FrameDetections, after: FrameDetections, high_threshold: float) -> PassChange:
    """Classify the change between the detections of two passes."""
    distances = corner_distance(before.boxes, after.boxes)
    matched = distances <= MAX_CORNER_DISTANCE
    disappeared = ~matched.any(axis=1)
    appeared = ~matched.any(axis=0)
    if (
        not (disappeared & (before.scores >= high_threshold)).any()
        and not (appeared & (after.scores >= high_threshold)).any()
    ):
        return PassChange.NONE
    similar = _sizes_are_alike(before.boxes[disappeared], after.boxes[appeared])
    near = distances[np.ix_(disappeared, appeared)] <= MAX_MOTION
    both_sure = np.logical_and.outer(
        before.scores[disappeared] >= high_threshold, after.scores[appeared] >= high_threshold
    )
    return PassChange.MOTION if (similar & near & ~both_sure).any() else PassChange.APPEARANCE


def _sizes_are_alike(first: Boxes, second: Boxes) -> NDArray[np.bool_]:
    """Return whether both width and height are similar, (n, m)."""
    sides, other_sides = (np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-9) for boxes in (first, second))
    ratio = sides[:, None] / other_sides[None]
    return np.asarray((np.maximum(ratio, 1 / ratio) <= MAX_SIDE_RATIO).all(axis=-1))


def _deviations(block: Sequence[FrameAnalysis]) -> NDArray[np.float32]:
    """Return the largest deviation of each frame from the interpolation between two passes, in grey levels.

    Returns:
        (frames,) float32, one value for each frame between the passes.
    """
    levels = np.stack([analysis.luma_grid for analysis in block if analysis.luma_grid is not None])
    share = np.linspace(0, 1, len(block), dtype=np.float32)[:, None]
    expected = (1 - share) * levels[0] + share * levels[-1]
    deviations: NDArray[np.float32] = np.abs(levels - expected)[1:-1].max(axis=1)
    return deviations
