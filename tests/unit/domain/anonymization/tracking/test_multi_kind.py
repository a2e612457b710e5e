"""Text and plates: detection at intervals, adaptive detection in between, and the redacted boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeSampler
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text_and_plates import (
    IMAGE_TEXT_AND_PLATES,
    VIDEO_TEXT_AND_PLATES,
    detect_text_and_plates,
    pad_text,
    plate_shaped,
)
from framecloak.domain.anonymization.model.analysis import FrameAnalysis, PropagatedBoxes
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.pipeline.config import PipelineTools, RedactionSpec
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.tracking.multi_kind import track_all_kinds
from framecloak.domain.anonymization.tracking.plates_by_shape import reclassify_plates
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track
from framecloak.domain.imaging.detections import Basis, BoxDetections, Image, TargetKind
from framecloak.domain.model.segments import Region, Segment
from support.samples.scripted_video import (
    WIDTH,
    BlackBoxRedactor,
    RawEncoder,
    ScriptedBoxDetector,
    ScriptedDetector,
    ScriptedFrame,
    ScriptedSource,
)

FACES = TrackingSettings(memory=4, max_gap=4, extension=2, smoothing=1)
INTERVAL = VIDEO_TEXT_AND_PLATES.every
LINE = (100.0, 20.0, 220.0, 40.0, 0.9)
MAX_PASSES = 2 * len(range(0, 40, INTERVAL)) + 1
"""Upper limit of passes over 40 frames: those that are due, and one between each two."""


def run(
    text_detector: ScriptedBoxDetector,
    length: int = 40,
    *,
    keep_text: tuple[Region, ...] = (),
    faces: ScriptedDetector | None = None,
    kind: TargetKind = TargetKind.TEXT,
    lost: frozenset[int] = frozenset(),
    writing: Mapping[int, Sequence[tuple[float, ...]]] | None = None,
) -> list[RedactedFrame]:
    spec = RedactionSpec(
        Appearance(),
        (),
        FACES,
        (DetectionScale(320),),
        text_and_plates=VIDEO_TEXT_AND_PLATES,
        keep_text=keep_text,
    )
    detector = faces or ScriptedDetector({})
    tools = PipelineTools(
        detector, BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2, box_detectors={kind: text_detector}
    )
    source = ScriptedSource(length, lost=lost, writing=text_detector.script if writing is None else writing)
    return list(redacted_frames(source, Segment(0, length), spec, tools))


def text_boxes(frame: RedactedFrame) -> list[tuple[int, int, int, int]]:
    return [box.xyxy for box in frame.boxes if box.kind is TargetKind.TEXT or box.by_shape]


def contains(outer: tuple[int, int, int, int], line: tuple[float, ...]) -> bool:
    return outer[0] <= line[0] and outer[1] <= line[1] and outer[2] >= line[2] and outer[3] >= line[3]


def test_still_text_is_detected_at_intervals_and_covered_throughout() -> None:
    text_detector = ScriptedBoxDetector({t: [LINE] for t in range(40)})
    frames = run(text_detector)
    assert sorted(text_detector.frame_numbers) == [*range(0, 40, INTERVAL), 39]
    for frame in frames:
        (box,) = text_boxes(frame)
        assert contains(box, LINE)
    assert {box.track for frame in frames for box in frame.boxes} == {0}
    assert frames[1].boxes[0].origin is Origin.FILLED


def test_fast_text_is_detected_in_every_frame_and_covered() -> None:
    line_by_frame = {t: (5.0 + 9 * t, 20.0, 45.0 + 9 * t, 32.0, 0.9) for t in range(31)}
    text_detector = ScriptedBoxDetector({t: [box] for t, box in line_by_frame.items()})
    frames = run(text_detector, 31)
    assert sorted(text_detector.frame_numbers) == list(range(31))
    for frame in frames:
        assert any(contains(box, line_by_frame[frame.index]) for box in text_boxes(frame))


def test_moving_text_is_propagated_by_template_matching() -> None:
    line_by_frame = {t: (5.0 + 3 * t, 20.0, 45.0 + 3 * t, 32.0, 0.9) for t in range(40)}
    text_detector = ScriptedBoxDetector({t: [box] for t, box in line_by_frame.items()})
    frames = run(text_detector)
    assert len(text_detector.frame_numbers) <= MAX_PASSES
    for frame in frames:
        assert any(contains(box, line_by_frame[frame.index]) for box in text_boxes(frame))


@given(
    amplitude=st.tuples(st.floats(0, 40), st.floats(0, 30)),
    period=st.tuples(st.floats(2.5, 40), st.floats(2.5, 40)),
    phase=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    shaken=st.booleans(),
)
def test_text_that_swings_between_two_passes_is_covered(
    amplitude: tuple[float, float],
    period: tuple[float, float],
    phase: tuple[float, float],
    shaken: bool,
) -> None:
    """A name tag alone, or a shaken image with a second line."""
    script: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for t in range(31):
        motions = zip(amplitude, period, phase, strict=True)
        x, y = (
            round(extent * math.sin(2 * math.pi * (t / cycle + offset))) for extent, cycle, offset in motions
        )
        first = (100.0 + x, 50.0 + y, 220.0 + x, 70.0 + y, 0.9)
        second = (90.0 + shaken * x, 150.0 + shaken * y, 250.0 + shaken * x, 162.0 + shaken * y, 0.9)
        script[t] = [first, second]
    for frame in run(ScriptedBoxDetector(script), 31):
        for line in script[frame.index]:
            assert any(contains(box, line) for box in text_boxes(frame))


def test_swinging_visible_text_needs_no_pass_in_every_frame() -> None:
    heights = {t: (50.0, 59.0, 64.0, 50.0, 36.0, 41.0)[t % 6] for t in range(40)}
    script = {t: [(100.0, y, 220.0, y + 20, 0.9)] for t, y in heights.items()}
    text_detector = ScriptedBoxDetector(script)
    frames = run(text_detector)
    assert len(text_detector.frame_numbers) <= MAX_PASSES
    assert all(contains(text_boxes(frame)[0], script[frame.index][0]) for frame in frames)


def test_text_that_is_invisible_between_two_passes_is_covered_with_a_margin() -> None:
    """Blurred for a moment, it is found neither by template matching nor by the detector."""
    script = {t: [LINE] for t in range(40) if t != 15}
    text_detector = ScriptedBoxDetector(script)
    frames = run(text_detector)
    assert sorted(text_detector.frame_numbers) == [0, 6, 12, 15, 18, 24, 30, 36, 39]
    (still,), (unmatched,) = text_boxes(frames[14]), text_boxes(frames[15])
    height = LINE[3] - LINE[1]
    assert contains(
        unmatched, (LINE[0] - height / 2, LINE[1] - height / 2, LINE[2] + height / 2, LINE[3] + height / 2)
    )
    assert contains(unmatched, still)
    assert contains(still, LINE)
    assert still[3] - still[1] < 1.5 * height


def test_boxes_depend_only_on_frames_between_the_surrounding_passes() -> None:
    """Therefore slices of a video agree."""
    rng = np.random.default_rng(0)
    script: dict[int, list[tuple[float, float, float, float, float]]] = {}
    for t in range(150):
        x, y = rng.integers(-9, 10, 2).tolist()
        script[t] = [(100.0 + x, 50.0 + y, 220.0 + x, 70.0 + y, 0.9)] if t % 50 else []
    source = ScriptedSource(150, writing=script)
    spec = RedactionSpec(
        Appearance(), (), FACES, (DetectionScale(320),), text_and_plates=VIDEO_TEXT_AND_PLATES
    )
    tools = PipelineTools(
        ScriptedDetector({}),
        BlackBoxRedactor(),
        RawEncoder(),
        FakeSampler(),
        2,
        box_detectors={TargetKind.TEXT: ScriptedBoxDetector(script)},
    )
    whole = list(redacted_frames(source, Segment(0, 150), spec, tools))
    sliced = [
        frame
        for start, stop in ((0, 61), (61, 62), (62, 95), (95, 150))
        for frame in redacted_frames(source, Segment(start, stop), spec, tools)
    ]
    assert [text_boxes(frame) for frame in sliced] == [text_boxes(frame) for frame in whole]


def test_boxes_from_passes_outside_a_run_of_frames_are_ignored() -> None:
    detected = FrameDetections(np.array([LINE[:4]]), np.array([0.9]))
    passes = np.array([6, 12, 18])
    moved = np.array([LINE[:4]] * 3) + np.array([[60.0], [30.0], [60.0]])
    propagated = {TargetKind.TEXT: PropagatedBoxes(passes, np.array([0, 0, 0]), moved)}
    analyses = [
        FrameAnalysis(12, FrameDetections.empty(), None, text_and_plates={TargetKind.TEXT: detected}),
        FrameAnalysis(13, FrameDetections.empty(), None, propagated=propagated),
    ]
    # Detections in frames 6 and 18 belong to no frame of this run.
    (first,), (second,) = track_all_kinds(
        analyses, np.zeros(2, np.intp), {TargetKind.TEXT: VIDEO_TEXT_AND_PLATES.tracking}
    ).boxes
    assert first.xyxy == LINE[:4]
    assert second.xyxy == (*LINE[:2], LINE[2] + 30, LINE[3] + 30)


def test_a_weak_detection_is_kept_by_its_track() -> None:
    text_detector = ScriptedBoxDetector({t: [(*LINE[:4], 0.4 if t == 12 else 0.9)] for t in range(40)})
    assert all(text_boxes(frame) for frame in run(text_detector))
    assert not any(
        text_boxes(frame) for frame in run(ScriptedBoxDetector({t: [(*LINE[:4], 0.4)] for t in range(40)}))
    )


def test_appearing_text_is_covered_from_its_first_frame() -> None:
    for start in range(10, 10 + INTERVAL):
        frames = run(ScriptedBoxDetector({t: [LINE] for t in range(start, start + 14)}))
        assert all(text_boxes(frames[t]) for t in range(start, start + 14))


def test_only_the_frame_that_cannot_be_analysed_is_blanked() -> None:
    text_detector = ScriptedBoxDetector({t: [LINE] for t in range(40)}, broken_at=frozenset({INTERVAL}))
    frames = run(text_detector)
    assert [frame.index for frame in frames if frame.blanked] == [INTERVAL]
    assert set(range(2 * INTERVAL)) <= set(text_detector.frame_numbers)
    assert all(text_boxes(frame) for frame in frames if not frame.blanked)


def test_a_detector_that_always_fails_blanks_every_frame() -> None:
    assert all(frame.blanked for frame in run(ScriptedBoxDetector({}, broken_at=frozenset(range(40)))))


def test_a_lost_frame_does_not_affect_its_neighbours() -> None:
    frames = run(
        ScriptedBoxDetector({t: [LINE] for t in range(40)}), lost=frozenset({INTERVAL, INTERVAL + 1})
    )
    assert [frame.index for frame in frames if frame.blanked] == [INTERVAL, INTERVAL + 1]
    assert all(text_boxes(frame) for frame in frames if not frame.blanked)


def test_kept_text_stays_and_text_outside_the_region_does_not() -> None:
    keep = Region(0, 0, 160, 100, Segment(0, 20))
    frames = run(ScriptedBoxDetector({t: [LINE] for t in range(40)}), keep_text=(keep,))
    (rest,) = text_boxes(frames[5])
    assert rest[0] == 160
    assert rest[2] >= 220
    assert contains(text_boxes(frames[25])[0], LINE)


def test_faces_and_plates_in_kept_text_are_redacted() -> None:
    whole_frame = Region(0, 0, 320, 192)
    faces = ScriptedDetector({t: [(60.0, 100.0, 30.0, 0.9)] for t in range(12)})
    plates = ScriptedBoxDetector({t: [LINE] for t in range(12)})
    frames = run(plates, 12, keep_text=(whole_frame,), faces=faces, kind=TargetKind.PLATE)
    assert all({box.kind for box in frame.boxes} == {TargetKind.FACE, TargetKind.PLATE} for frame in frames)
    assert len({box.track for frame in frames for box in frame.boxes}) == 2


def test_plate_shaped_text_gets_a_wider_margin() -> None:
    boxes = np.array([[100.0, 100.0, 160.0, 120.0], [100.0, 100.0, 300.0, 120.0]])
    plate, line = pad_text(boxes, plate_shaped(boxes))
    assert plate.tolist() == pytest.approx([92, 92, 168, 128])
    assert line.tolist() == pytest.approx([96, 96, 304, 124])


PLATE = (100.0, 20.0, 160.0, 40.0, 0.9)


def test_plate_shaped_text_is_a_plate_by_shape() -> None:
    frames = run(ScriptedBoxDetector({t: [PLATE, (20.0, 100.0, 200.0, 120.0, 0.9)] for t in range(12)}), 12)
    for frame in frames:
        plate, line = sorted(frame.boxes, key=lambda box: box.xyxy[1])
        assert (plate.kind, plate.basis) == (TargetKind.PLATE, Basis.SHAPE)
        assert (line.kind, line.basis) == (TargetKind.TEXT, None)
    assert len({box.track for frame in frames for box in frame.boxes}) == 2


def test_a_detected_plate_is_a_plate_of_any_shape() -> None:
    frames = run(ScriptedBoxDetector({t: [LINE, PLATE] for t in range(6)}), 6, kind=TargetKind.PLATE)
    assert {box.basis for frame in frames for box in frame.boxes} == {Basis.DETECTOR}


def test_a_briefly_slanted_plate_stays_a_plate_in_one_track() -> None:
    slanted = (100.0, 20.0, 150.0, 70.0, 0.9)
    frames = run(ScriptedBoxDetector({t: [slanted if t == 12 else PLATE] for t in range(40)}))
    boxes = [box for frame in frames for box in frame.boxes]
    assert {box.kind for box in boxes} == {TargetKind.PLATE}
    assert {box.track for box in boxes} == {0}


@given(
    lines=st.lists(st.tuples(st.floats(5, 150), st.floats(5, 90)), min_size=1, max_size=8),
    times=st.sets(st.integers(0, 39), min_size=1, max_size=20),
)
def test_reclassifying_text_as_plates_changes_no_box(
    lines: list[tuple[float, float]], times: set[int]
) -> None:
    """Redaction must not depend on the kind of a box."""
    detections = [FrameDetections.empty() for _ in range(40)]
    for time in times:
        boxes = np.array([[100.0, 50.0, 100 + width, 50 + height] for width, height in lines])
        like_plates = plate_shaped(boxes)
        scores = np.full(len(boxes), 0.9)
        detections[time] = FrameDetections(boxes, scores, plate_shaped=like_plates)
    tracks = track(detections, np.zeros(40, np.intp), VIDEO_TEXT_AND_PLATES.tracking)
    reclassified = reclassify_plates(tracks, detections, VIDEO_TEXT_AND_PLATES.tracking.max_gap)
    without_kind = [
        [replace(box, kind=TargetKind.FACE, by_shape=False) for box in frame] for frame in reclassified
    ]
    assert without_kind == tracks.boxes
    assert all(box.by_shape is (box.kind is TargetKind.PLATE) for frame in reclassified for box in frame)


def test_kept_plate_shaped_text_stays_and_a_detected_plate_does_not() -> None:
    whole_frame = Region(0, 0, 320, 192)
    script = {t: [PLATE] for t in range(12)}
    assert not any(frame.boxes for frame in run(ScriptedBoxDetector(script), 12, keep_text=(whole_frame,)))
    detected = run(ScriptedBoxDetector(script), 12, keep_text=(whole_frame,), kind=TargetKind.PLATE)
    assert all(frame.boxes for frame in detected)


@dataclass
class LargeImageDetector(ScriptedBoxDetector):
    """Detects only in images of the full width."""

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        found = super().detect(image, threshold)
        shown = np.full(len(found.scores), image.shape[1] == WIDTH)
        return BoxDetections(found.boxes[shown], found.scores[shown])


@pytest.mark.parametrize("start", [0, 5, 11])
def test_text_that_only_an_extra_scale_shows_is_covered_throughout(start: int) -> None:
    line_by_frame = {t: (20.0 + 1.5 * t, 30.0, 60.0 + 1.5 * t, 42.0, 0.9) for t in range(60)}
    text_detector = LargeImageDetector({t: [box] for t, box in line_by_frame.items()})
    settings = replace(VIDEO_TEXT_AND_PLATES, longest_sides=(160,), extra_sides=(320,))
    spec = RedactionSpec(Appearance(), (), FACES, (DetectionScale(320),), text_and_plates=settings)
    detectors = {TargetKind.TEXT: text_detector}
    tools = PipelineTools(
        ScriptedDetector({}), BlackBoxRedactor(), RawEncoder(), FakeSampler(), 2, box_detectors=detectors
    )
    source = ScriptedSource(60, writing=text_detector.script)
    frames = list(redacted_frames(source, Segment(start, 60), spec, tools))
    assert [frame.index for frame in frames] == list(range(start, 60))
    for frame in frames[: 48 - start]:
        assert any(contains(box, line_by_frame[frame.index]) for box in text_boxes(frame))


def test_extra_scales_of_a_video_apply_at_their_interval() -> None:
    settings = VIDEO_TEXT_AND_PLATES
    assert settings.extra_every % settings.every == 0
    assert settings.extra_every <= settings.tracking.max_gap
    looks = {}
    for index in (0, INTERVAL, settings.extra_every):
        text_detector = ScriptedBoxDetector({})
        frame = ScriptedFrame(index, width=3840, height=2160)
        detect_text_and_plates(frame, {TargetKind.TEXT: text_detector}, settings)
        looks[index] = len(text_detector.frame_numbers)
    assert looks == {0: 3, INTERVAL: 1, settings.extra_every: 3}


def test_detections_at_all_scales_of_an_image_are_merged_without_duplicates() -> None:
    text_detector = ScriptedBoxDetector({7: [LINE, (10.0, 150.0, 40.0, 160.0, 0.5)]})
    frame = ScriptedFrame(7, width=1920, height=1152)
    detections = detect_text_and_plates(frame, {TargetKind.TEXT: text_detector}, IMAGE_TEXT_AND_PLATES)
    assert len(text_detector.frame_numbers) == 3
    assert len(detections[TargetKind.TEXT].scores) == 2
