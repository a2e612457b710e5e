"""Review stage: frames wait for the next key frame, and leave in the same order with reviewed faces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.ports.frames import Frame

AnalyzedFrames = Sequence[tuple[FrameAnalysis, Frame]]


class ReviewStage:
    """Queue of analysed frames that reviews them from one key frame to the next.

    Args:
        pool: executor of the reviews.
        review: returns the reviewed analyses of the frames after a key frame (None at the start of a run) up
            to the next one.
        is_key: predicate on frame indices: True for key frames.
    """

    def __init__(
        self,
        pool: Executor,
        review: Callable[[FrameAnalysis | None, AnalyzedFrames], Sequence[FrameAnalysis]],
        is_key: Callable[[int], bool],
    ) -> None:
        self._pool = pool
        self._review = review
        self._is_key = is_key
        self._before: FrameAnalysis | None = None
        self._block: list[tuple[FrameAnalysis, Frame]] = []
        self._running: deque[tuple[list[tuple[FrameAnalysis, Frame]], Future[Sequence[FrameAnalysis]]]] = (
            deque()
        )

    def continue_from(self, analysis: FrameAnalysis) -> None:
        """Continue after a key frame that was reviewed before."""
        self._before = replace(analysis, faces=analysis.first_look)

    def add(self, analysis: FrameAnalysis, frame: Frame) -> None:
        """Add the next frame; a review starts with every key frame."""
        self._block.append((analysis, frame))
        if self._is_key(analysis.index):
            self._running.append((self._block, self._pool.submit(self._review, self._before, self._block)))
            self._before = analysis
            self._block = []

    @property
    def pending(self) -> int:
        """Number of frames that are being reviewed or wait for it."""
        return len(self._block) + sum(len(waiting) for waiting, _ in self._running)

    def completed(self, allowed: int) -> Iterator[tuple[FrameAnalysis, Frame]]:
        """Yield reviewed frames, waiting until at most ``allowed`` frames are being reviewed."""
        while self._running:
            block, reviewed = self._running[0]
            if sum(len(waiting) for waiting, _ in self._running) <= allowed and not reviewed.done():
                return
            self._running.popleft()
            for analysis, (_, frame) in zip(reviewed.result(), block, strict=True):
                yield analysis, frame
