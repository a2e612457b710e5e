"""Speed test of a worker, with fakes."""

from __future__ import annotations

import pytest

from fakes.media import FakeEncoder, FakeRedactor, FakeSampler
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.work.speed_test import measure_frame_seconds
from framecloak.domain.errors import FrameAnalysisError


def tools(detector: FakeFaceDetector | None, threads: int = 2) -> PipelineTools:
    return PipelineTools(detector, FakeRedactor(), FakeEncoder(), FakeSampler(), threads)


@pytest.mark.parametrize(("stride", "max_batch"), [(32, 1), (64, 4), (7, 2), (2048, 1)])
def test_every_detector_can_be_tested(stride: int, max_batch: int) -> None:
    detector = FakeFaceDetector(stride, max_batch)
    seconds = measure_frame_seconds(tools(detector), seconds=0)
    assert seconds is not None
    assert seconds > 0
    # Both threads detect once before the measurement and once in it.
    assert [count for count, *_ in detector.calls] == [max_batch] * 4


def test_without_a_detector_nothing_is_measured() -> None:
    assert measure_frame_seconds(tools(None)) is None


def test_a_broken_model_is_reported() -> None:
    with pytest.raises(FrameAnalysisError, match="broken"):
        measure_frame_seconds(tools(FakeFaceDetector(broken=True)))
