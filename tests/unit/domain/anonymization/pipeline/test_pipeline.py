"""The pipeline, on frames that carry their number in their pixels and with a scripted detector."""

from __future__ import annotations

import threading
from collections.abc import Generator

import numpy as np
import pytest

from fakes.media import FakeSampler
from fakes.metrics import FakeMeter
from framecloak.domain.anonymization.detection import frame_reader
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.pipeline import memory_plan
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.video_writer import consume
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.errors import FrameAnalysisError, TruncatedVideoError
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.ports.metrics import NULL_METER, Meter, Stage
from support.samples.scripted_video import (
    HEIGHT,
    RED_OF_BGR,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    ScriptedDetector,
    ScriptedFrame,
    ScriptedSource,
    walking_face,
)

TRACKING = TrackingSettings(memory=4, max_gap=4, extension=2, smoothing=1)


def run(
    source: ScriptedSource,
    detector: ScriptedDetector | None,
    segment: Segment | None = None,
    *,
    regions: tuple[Region, ...] = (),
    threads: int = 2,
    scales: tuple[DetectionScale, ...] = (DetectionScale(320),),
    meter: Meter = NULL_METER,
) -> list[RedactedFrame]:
    spec = RedactionSpec(Appearance(), regions, TRACKING, scales)
    tools = PipelineTools(detector, BlackBoxRedactor(), RawEncoder(), FakeSampler(), threads, meter)
    whole = Segment(0, source.count)
    frames: list[RedactedFrame] = []
    consume(redacted_frames(source, segment or whole, spec, tools), frames.append).close()
    return frames


def test_every_frame_comes_once_in_order_with_its_own_pixels() -> None:
    frames = run(ScriptedSource(200), ScriptedDetector({}))
    assert [frame.index for frame in frames] == list(range(200))
    assert [frame.data[RED_OF_BGR] for frame in frames] == list(range(200))


def test_exactly_the_reported_boxes_are_redacted() -> None:
    (frame,) = run(ScriptedSource(1), ScriptedDetector({0: [(100, 90, 30, 0.9)]}))
    (box,) = frame.boxes
    x1, y1, x2, y2 = box.xyxy
    assert x1 < 85
    assert x2 > 115
    # Frame 0 is black anyway, so check another one.
    frames = run(ScriptedSource(9), ScriptedDetector(walking_face(range(9))))
    pixels = np.frombuffer(frames[8].data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    x1, y1, x2, y2 = frames[8].boxes[0].xyxy
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[y1:y2, x1:x2] = True
    assert not pixels[inside].any()
    assert np.array_equal(pixels[~inside], ScriptedFrame(8).bgr()[~inside])


@pytest.mark.parametrize("block_bytes", [1, 40 * WIDTH * HEIGHT * 3, 1 << 40])
@pytest.mark.parametrize("threads", [1, 4])
def test_neither_blocks_nor_threads_change_the_result(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int, threads: int
) -> None:
    script = walking_face(range(120), missing=frozenset({20, 21, 22, 60, 61}))
    for t in range(70, 110):
        script[t] = [*script.get(t, []), (200.0, 60.0 + t, 20.0, 0.2 if t % 3 else 0.5)]
    expected = run(ScriptedSource(150), ScriptedDetector(script))
    monkeypatch.setattr(memory_plan, "BLOCK_BYTES", block_bytes)
    assert run(ScriptedSource(150), ScriptedDetector(script), threads=threads) == expected
    assert {box.track for frame in expected for box in frame.boxes} == {0, 1}


@pytest.mark.parametrize("look_ahead", [0, 1 << 30])
def test_metrics_count_every_frame_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch, look_ahead: int
) -> None:
    monkeypatch.setattr(memory_plan, "MAX_LOOK_AHEAD_BYTES", look_ahead)
    source, meter = ScriptedSource(60, lost=frozenset({7})), FakeMeter()
    detector = ScriptedDetector(walking_face(range(60)), broken_at=frozenset({9}), max_batch=4)
    expected = run(source, ScriptedDetector(walking_face(range(60)), broken_at=frozenset({9}), max_batch=4))
    assert run(source, detector, meter=meter) == expected
    calls = {stage: len(seconds) for stage, seconds in meter.stages.items()}
    # Frames that are decoded a second time count too.
    assert calls == {
        Stage.DECODE: 60 if look_ahead else 120,
        # Fifteen batches, and a review after every key frame: with one scale every frame is one.
        Stage.DETECT: 15 + 60,
        Stage.REDACT: 60,
        Stage.ENCODE: 60,
    }
    assert sorted(meter.batches) == sorted(detector.batches)
    assert all(seconds >= 0 for durations in meter.stages.values() for seconds in durations)


def test_a_segment_is_redacted_as_the_whole_video_would_be() -> None:
    script = walking_face(range(100), missing=frozenset(range(38, 41)))
    whole = run(ScriptedSource(100), ScriptedDetector(script))
    part = run(ScriptedSource(100), ScriptedDetector(script), Segment(39, 70))
    assert part == whole[39:70]
    assert part[0].boxes[0].origin is Origin.FILLED


def test_frames_that_do_not_fit_into_memory_are_decoded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(ScriptedSource(90), ScriptedDetector(walking_face(range(90))), Segment(10, 80))
    monkeypatch.setattr(memory_plan, "MAX_LOOK_AHEAD_BYTES", 0)
    source = ScriptedSource(90)
    assert run(source, ScriptedDetector(walking_face(range(90))), Segment(10, 80)) == expected
    assert source.opened == source.closed == 2


@pytest.mark.parametrize("small_enough", [True, False])
def test_continuing_where_a_segment_ended_decodes_nothing_twice(
    monkeypatch: pytest.MonkeyPatch, small_enough: bool
) -> None:
    if not small_enough:
        monkeypatch.setattr(frame_reader, "MAX_BUFFERED_BYTES", 3 * WIDTH * HEIGHT)
    script = walking_face(range(200))
    expected = run(ScriptedSource(200), ScriptedDetector(script))
    source, meter = ScriptedSource(200), FakeMeter()
    spec = RedactionSpec(Appearance(), (), TRACKING, (DetectionScale(320),))
    frames: list[RedactedFrame] = []
    before = None
    # The second segment is shorter than the look-ahead of the tracker.
    for segment in (Segment(0, 80), Segment(80, 83), Segment(83, 200)):
        tools = PipelineTools(
            ScriptedDetector(script), BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2, meter
        )
        before = consume(redacted_frames(source, segment, spec, tools, before), frames.append)
    assert before is not None
    before.close()
    assert [frame.data for frame in frames] == [frame.data for frame in expected]
    assert source.opened == source.closed == (1 if small_enough else 3)
    decoded = len(meter.stages[Stage.DECODE])
    assert decoded == 200 if small_enough else decoded > 200


def test_continuing_elsewhere_frees_the_buffered_frames() -> None:
    source = ScriptedSource(200)
    spec = RedactionSpec(Appearance(), (), TRACKING, (DetectionScale(320),))
    before = None
    for segment in (Segment(0, 50), Segment(120, 150), Segment(20, 30)):
        tools = PipelineTools(ScriptedDetector({}), BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2)
        frames: list[RedactedFrame] = []
        before = consume(redacted_frames(source, segment, spec, tools, before), frames.append)
        assert [frame.index for frame in frames] == list(range(segment.start_frame, segment.end_frame))
    assert (source.opened, source.closed) == (3, 2)
    assert before is not None
    before.close()
    assert source.closed == 3


def test_a_lost_frame_is_black_and_its_neighbours_are_not() -> None:
    frames = run(ScriptedSource(30, lost=frozenset({7})), ScriptedDetector(walking_face(range(30))))
    assert [frame.index for frame in frames if frame.blanked] == [7]
    assert not any(frames[7].data)
    assert frames[7].blank_reason is BlankReason.NOT_DECODED
    assert frames[7].boxes == ()
    assert frames[8].boxes[0].track == frames[6].boxes[0].track


@pytest.mark.parametrize("max_batch", [1, 4])
def test_only_the_frame_on_which_the_detector_fails_is_black(max_batch: int) -> None:
    detector = ScriptedDetector(walking_face(range(30)), broken_at=frozenset({11}), max_batch=max_batch)
    frames = run(ScriptedSource(30), detector)
    assert [frame.index for frame in frames if frame.blanked] == [11]
    assert not any(frames[11].data)
    assert frames[11].blank_reason is BlankReason.NOT_SEARCHED


def test_a_failure_at_one_of_several_scales_blanks_the_frame() -> None:
    class FailsWhenSmall(ScriptedDetector):
        def _detect(self, image: Image, threshold: float) -> Detections:
            if image.shape[1] == 128 and image[0, 0, 0] == 4:
                raise FrameAnalysisError("only at this size")
            return super()._detect(image, threshold)

    frames = run(ScriptedSource(8), FailsWhenSmall({}), scales=(DetectionScale(320), DetectionScale(128)))
    assert [frame.index for frame in frames if frame.blanked] == [4]


def test_frames_are_analysed_in_batches_if_the_detector_supports_them() -> None:
    detector = ScriptedDetector(walking_face(range(10)), max_batch=4)
    frames = run(ScriptedSource(10), detector)
    # Every frame is the boundary of a block here, and also looked at for proposals, at two sizes.
    assert sorted(detector.batches) == [1] * 20 + [2, 4, 4]
    assert all(frame.boxes for frame in frames)


def test_an_unexpected_failure_ends_the_run_and_frees_everything() -> None:
    source = ScriptedSource(200)
    with pytest.raises(ZeroDivisionError):
        run(source, ScriptedDetector({}, crash_at=150))
    assert source.opened == source.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]


def test_a_video_that_ends_early_is_an_error() -> None:
    with pytest.raises(TruncatedVideoError):
        run(ScriptedSource(50, ends_at=40), ScriptedDetector({}))


def test_a_truncated_file_can_be_redacted_up_to_its_last_frame() -> None:
    source = ScriptedSource(50, cut_off_at=40)
    assert len(run(source, ScriptedDetector({}), Segment(0, 40))) == 40
    with pytest.raises(TruncatedVideoError):
        run(source, ScriptedDetector({}), Segment(0, 41))


def test_stopping_early_frees_everything() -> None:
    source = ScriptedSource(200)
    tools = PipelineTools(ScriptedDetector({}), BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2)
    spec = RedactionSpec(Appearance(), (), TRACKING, (DetectionScale(320),))
    frames = redacted_frames(source, Segment(0, 200), spec, tools)
    next(frames)
    frames.close()
    assert source.opened == source.closed == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("frames")]


def test_without_a_detector_only_regions_are_redacted_in_their_frames() -> None:
    region = Region(10, 20, 30, 40, Segment(2, 4))
    frames = run(ScriptedSource(6), None, regions=(region,))
    assert [[box.xyxy for box in frame.boxes] for frame in frames] == [
        [], [], [(10, 20, 40, 60)], [(10, 20, 40, 60)], [], [],
    ]  # fmt: skip
    assert frames[2].boxes[0].origin is Origin.REGION


def test_memory_holds_no_more_frames_than_the_look_ahead_needs() -> None:
    source = ScriptedSource(250)
    decoded_ahead = []
    delivered = -1
    original = source.frames

    def counted(start: int, stop: int) -> Generator[ScriptedFrame, None, None]:
        for frame in original(start, stop):
            decoded_ahead.append(frame.index - delivered)
            yield frame

    source.frames = counted  # type: ignore[method-assign]
    tools = PipelineTools(ScriptedDetector({}), BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2)
    spec = RedactionSpec(Appearance(), (), TRACKING, (DetectionScale(320),))
    for frame in redacted_frames(source, Segment(0, 250), spec, tools):
        delivered = frame.index
    assert max(decoded_ahead) <= 2 * 96 + TRACKING.temporal_margin + 20
