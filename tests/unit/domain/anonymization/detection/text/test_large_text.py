"""Text as large as a good part of the frame: it counts only if several detections agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeSampler
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text.large_text import second_looks
from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    VIDEO_TEXT_AND_PLATES,
    detect_text_and_plates,
)
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import MAX_TEXT_SHARE, Appearance
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track
from framecloak.domain.imaging.detections import BoxDetections, Image, ModelCard, TargetKind
from framecloak.domain.model.segments import Segment
from support.samples.scripted_video import (
    HEIGHT,
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    ScriptedBoxDetector,
    ScriptedDetector,
    ScriptedFrame,
    ScriptedSource,
)

EVERYTHING = (0.0, 0.0, float(WIDTH), float(HEIGHT), 0.59)
"""Box as large as the frame; not drawn, because the first pixel holds the number of the frame."""

LINE = (100.0, 20.0, 220.0, 40.0, 0.9)
TRACKING = VIDEO_TEXT_AND_PLATES.tracking
INTERVAL = VIDEO_TEXT_AND_PLATES.every
FRAME_SIZE = (1920, 1152)


@dataclass
class DetectorBySize:
    """Detects other boxes in images of other widths: x1, y1, x2, y2 in shares of the frame, and score."""

    by_width: Mapping[int, Sequence[tuple[float, float, float, float, float]]]
    stride: int = 32
    widths: list[int] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("areas", "1" * 64, "none", "CPU", "fp32"))

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        height, width = image.shape[:2]
        self.widths.append(width)
        table = np.array(self.by_width.get(width, ()), np.float32).reshape(-1, 5)
        return BoxDetections(table[:, :4] * np.array([width, height, width, height], np.float32), table[:, 4])


class UnconfirmedDetector(ScriptedBoxDetector):
    """Detects nothing in images of other sizes than the frame's."""

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        found = super().detect(image, threshold)
        shown = np.full(len(found.scores), image.shape[1] == WIDTH)
        return BoxDetections(found.boxes[shown], found.scores[shown])


def redacted(script: dict[int, list[tuple[float, float, float, float, float]]]) -> list[RedactedFrame]:
    """Redact 40 frames, of which no second look confirms anything."""
    text_detector = UnconfirmedDetector(script)
    spec = RedactionSpec(
        Appearance(),
        (),
        TrackingSettings(memory=4, max_gap=4, extension=2, smoothing=1),
        (DetectionScale(320),),
        text_and_plates=VIDEO_TEXT_AND_PLATES,
    )
    tools = PipelineTools(
        ScriptedDetector({}),
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        box_detectors={TargetKind.TEXT: text_detector},
    )
    drawn = {index: [box for box in boxes if box != EVERYTHING] for index, boxes in script.items()}
    source = ScriptedSource(40, writing=drawn)
    return list(redacted_frames(source, Segment(0, 40), spec, tools))


def unconfirmed(detector: DetectorBySize, max_share: float = MAX_TEXT_SHARE) -> list[bool]:
    settings = replace(VIDEO_TEXT_AND_PLATES, max_share=max_share)
    frame = ScriptedFrame(7, width=FRAME_SIZE[0], height=FRAME_SIZE[1])
    found = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, settings)[TargetKind.TEXT]
    return [] if found.unconfirmed is None else found.unconfirmed.tolist()


@pytest.mark.parametrize("seen", [[12], [12, 13, 14, 15], [6, 12]])
def test_an_error_as_large_as_the_frame_is_not_redacted(seen: list[int]) -> None:
    script = {t: [LINE, EVERYTHING] if t in seen else [LINE] for t in range(40)}
    for frame in redacted(script):
        assert [box.xyxy[2] - box.xyxy[0] < WIDTH / 2 for box in frame.boxes] == [True]


def test_a_title_shown_for_a_second_is_covered_throughout() -> None:
    frames = redacted({t: [EVERYTHING] for t in range(8, 33)})
    for frame in frames[8:33]:
        assert any(box.xyxy == (0, 0, WIDTH, HEIGHT) for box in frame.boxes)


def test_a_large_detection_needs_no_other_frame_if_another_scale_repeats_it() -> None:
    large = (0.1, 0.1, 0.9, 0.8, 0.6)
    detector = DetectorBySize({1280: [large], 640: [(0.15, 0.1, 0.9, 0.85, 0.4)]})
    assert unconfirmed(detector) == [False]
    assert sorted(detector.widths) == [320, 640, 1280]
    assert unconfirmed(DetectorBySize({1280: [large]})) == [True]
    assert unconfirmed(DetectorBySize({1280: [large], 640: [(0.1, 0.1, 0.3, 0.3, 0.9)]})) == [True]


def test_a_large_detection_is_confirmed_by_the_lines_inside_it() -> None:
    large = (0.0, 0.0, 1.0, 1.0, 0.6)
    lines = [(0.05, y, 0.95, y + 0.1, 0.8) for y in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8)]
    assert not any(unconfirmed(DetectorBySize({1280: [large, *lines]})))
    assert unconfirmed(DetectorBySize({1280: [large, *lines[:2]]})) == [True, False, False]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1280, 736), [(640, 384), (320, 192)]),
        ((640, 352), [(320, 192), (160, 96)]),
        ((448, 256), [(896, 512), (224, 128)]),
        ((320, 192), [(640, 384), (160, 96)]),
        ((32, 32), [(64, 64), (32, 32)]),
    ],
)
def test_every_frame_is_searched_at_another_scale(
    size: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    assert second_looks(size, 32) == expected


def test_text_below_the_limit_is_not_searched_again() -> None:
    detector = DetectorBySize({1280: [(0.1, 0.1, 0.9, 0.8, 0.6)]})
    assert not any(unconfirmed(detector, max_share=1.0))
    assert detector.widths == [1280]


def test_an_unconfirmed_detection_of_an_image_does_not_hide_the_text_inside_it() -> None:
    detector = DetectorBySize({1280: [(0.0, 0.0, 1.0, 1.0, 0.6)], 640: [(0.1, 0.1, 0.3, 0.2, 0.9)]})
    frame = ScriptedFrame(7, width=FRAME_SIZE[0], height=FRAME_SIZE[1])
    found = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, IMAGE_TEXT_AND_PLATES)[TargetKind.TEXT]
    assert found.unconfirmed is not None
    assert found.unconfirmed.tolist() == [True, False]
    tracks = track([found], np.zeros(1, np.intp), IMAGE_TEXT_AND_PLATES.tracking)
    (box,) = tracks.boxes[0]
    assert box.xyxy[2] < 0.4 * FRAME_SIZE[0]


def test_an_unconfirmed_detection_confirms_no_others_and_is_not_carried_along() -> None:
    def frame_with(width: float, score: float, flag: bool) -> FrameDetections:
        return FrameDetections(
            np.array([[0.0, 0.0, width, 100.0]]), np.array([score]), unconfirmed=np.array([flag])
        )

    empty = FrameDetections.empty()
    doubtful, weak, sure = (
        frame_with(300, 0.9, True), frame_with(200, 0.4, False), frame_with(200, 0.9, False)
    )  # fmt: skip
    shots = np.zeros(7, np.intp)
    only_doubtful = track([doubtful, *[empty] * 5, weak], shots, TRACKING)
    assert not any(only_doubtful.boxes)
    between = track([sure, empty, empty, doubtful, empty, empty, sure], shots, TRACKING)
    assert [len(boxes) for boxes in between.boxes] == [1] * 7
    assert max(box.xyxy[2] for boxes in between.boxes for box in boxes) == 200


@st.composite
def large_detections(draw: st.DrawFn) -> list[FrameDetections]:
    """Draw 90 frames, of which some have one or two boxes that overlap, each confirmed or not."""
    frames = []
    for _ in range(90):
        count = draw(st.sampled_from([0, 0, 1, 2]))
        corners = draw(st.lists(st.sampled_from([0.0, 30.0, 120.0]), min_size=count, max_size=count))
        boxes = np.array([[x, 0.0, x + 200.0, 150.0] for x in corners]).reshape(-1, 4)
        scores = np.array(
            draw(st.lists(st.sampled_from([0.4, 0.6]), min_size=count, max_size=count)), np.float64
        )
        flags = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool)
        frames.append(FrameDetections(boxes, scores, unconfirmed=flags))
    return frames


@given(large_detections(), st.data())
def test_large_text_does_not_depend_on_the_slices(frames: list[FrameDetections], data: st.DataObject) -> None:
    settings = replace(TRACKING, memory=8, max_gap=5, extension=2)
    shots = np.zeros(len(frames), np.intp)
    whole = track(frames, shots, settings)
    start = data.draw(st.integers(0, 80))
    stop = data.draw(st.integers(start + 1, 90))
    first, last = max(0, start - settings.temporal_margin), min(90, stop + settings.temporal_margin)
    part = track(frames[first:last], shots[first:last], settings)
    for index in range(start, stop):
        expected = sorted(box.xyxy for box in whole.boxes[index])
        assert sorted(box.xyxy for box in part.boxes[index - first]) == expected


def test_the_margin_of_large_text_does_not_hide_a_line_below_it() -> None:
    boxes = [(0.1, 0.1, 0.3, 0.25, 0.9), (0.11, 0.26, 0.29, 0.28, 0.9)]
    detector = DetectorBySize({1280: boxes, 640: boxes[:1]})
    frame = ScriptedFrame(7, width=FRAME_SIZE[0], height=FRAME_SIZE[1])
    found = detect_text_and_plates(frame, {TargetKind.TEXT: detector}, IMAGE_TEXT_AND_PLATES)[TargetKind.TEXT]
    heights = found.boxes[:, 3] - found.boxes[:, 1]
    assert heights.max() > 0.15 * FRAME_SIZE[1]
    assert heights.min() < 0.05 * FRAME_SIZE[1]
