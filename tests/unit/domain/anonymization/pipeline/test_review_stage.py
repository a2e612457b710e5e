"""The review stage: order, back-pressure, and what one segment hands to the next."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.pipeline.review_stage import AnalyzedFrames, ReviewStage
from framecloak.domain.ports.frames import Frame
from support.patience import patience
from support.samples.scripted_video import ScriptedFrame

INTERVAL = 4


def is_key(index: int) -> bool:
    return index % INTERVAL == 0


def found(score: float) -> FrameDetections:
    return FrameDetections(np.zeros((1, 4)), np.array([score]))


def analyzed(index: int) -> tuple[FrameAnalysis, Frame]:
    return FrameAnalysis(index, found(0.2), None), ScriptedFrame(index)


class Review:
    """Keeps the first looks of key frames, and what it was called with.

    Attributes:
        calls: index of the key frame before, and the indices of the frames.
        released: reviews wait until it is set.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[int | None, list[int]]] = []
        self.released = threading.Event()
        self.released.set()

    def __call__(self, before: FrameAnalysis | None, frames: AnalyzedFrames) -> Sequence[FrameAnalysis]:
        assert self.released.wait(patience(60))
        self.calls.append((before.index if before else None, [analysis.index for analysis, _ in frames]))
        return [
            replace(analysis, faces=found(0.9), first_look=analysis.faces if is_key(analysis.index) else None)
            for analysis, _ in frames
        ]


@given(st.integers(0, 30), st.integers(1, 4), st.integers(0, 10))
def test_frames_leave_reviewed_in_their_order(count: int, threads: int, allowed: int) -> None:
    review, left = Review(), []
    with ThreadPoolExecutor(threads) as pool:
        stage = ReviewStage(pool, review, is_key)
        for index in range(count * INTERVAL + 1):
            stage.add(*analyzed(index))
            left += list(stage.completed(allowed))
            assert stage.pending <= allowed + 2 * INTERVAL
        left += list(stage.completed(0))
    assert [analysis.index for analysis, _ in left] == list(range(count * INTERVAL + 1))
    assert [frame.index for _, frame in left] == list(range(count * INTERVAL + 1))  # type: ignore[attr-defined]
    assert all(analysis.faces is not None and analysis.faces.scores[0] == 0.9 for analysis, _ in left)
    assert sorted(review.calls, key=lambda call: call[1]) == [
        (None, [0]),
        *((key, list(range(key + 1, key + INTERVAL + 1))) for key in range(0, count * INTERVAL, INTERVAL)),
    ]


def test_frames_wait_for_the_next_key_frame() -> None:
    with ThreadPoolExecutor(1) as pool:
        stage = ReviewStage(pool, Review(), is_key)
        for index in range(INTERVAL):
            stage.add(*analyzed(index))
        assert [analysis.index for analysis, _ in stage.completed(0)] == [0]
        assert stage.pending == INTERVAL - 1
        stage.add(*analyzed(INTERVAL))
        assert [analysis.index for analysis, _ in stage.completed(0)] == [1, 2, 3, 4]
        assert stage.pending == 0


def test_nothing_waits_while_few_frames_are_reviewed() -> None:
    review = Review()
    review.released.clear()
    with ThreadPoolExecutor(1) as pool:
        stage = ReviewStage(pool, review, is_key)
        for index in range(INTERVAL + 1):
            stage.add(*analyzed(index))
        assert list(stage.completed(INTERVAL + 1)) == []
        assert stage.pending == INTERVAL + 1
        review.released.set()
        assert len(list(stage.completed(0))) == INTERVAL + 1


def test_a_segment_continues_from_the_first_look_at_a_key_frame() -> None:
    seen: list[FrameAnalysis | None] = []

    def review(before: FrameAnalysis | None, frames: AnalyzedFrames) -> Sequence[FrameAnalysis]:
        seen.append(before)
        return [analysis for analysis, _ in frames]

    first = found(0.3)
    with ThreadPoolExecutor(1) as pool:
        stage = ReviewStage(pool, review, is_key)
        stage.continue_from(FrameAnalysis(INTERVAL, found(0.9), None, first_look=first))
        for index in range(INTERVAL + 1, 2 * INTERVAL + 1):
            stage.add(*analyzed(index))
        assert len(list(stage.completed(0))) == INTERVAL
    (before,) = seen
    assert before is not None
    assert (before.index, before.faces) == (INTERVAL, first)


def test_an_unexpected_failure_of_a_review_is_raised() -> None:
    def review(before: FrameAnalysis | None, frames: AnalyzedFrames) -> Sequence[FrameAnalysis]:
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool:
        stage = ReviewStage(pool, review, is_key)
        stage.add(*analyzed(0))
        with pytest.raises(ZeroDivisionError):
            list(stage.completed(0))
