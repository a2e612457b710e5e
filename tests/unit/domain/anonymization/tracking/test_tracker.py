"""Invariants of the tracker on generated detections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.scales import key_interval, video_scales
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track
from framecloak.domain.imaging import box_geometry

QUICK = TrackingSettings(memory=4, max_gap=4, extension=2, smoothing=1)
SLOW_RATE = replace(QUICK, adjacent_distance=TrackingSettings.for_rate(10.0).adjacent_distance)


def detections_of(*detections: tuple[float, float, float, float]) -> FrameDetections:
    """Return detections given as centre x, centre y, size, score."""
    table = np.array(detections, np.float64).reshape(-1, 4)
    half = table[:, 2:3] / 2
    return FrameDetections(np.hstack([table[:, :2] - half, table[:, :2] + half]), table[:, 3])


def in_directions(detections: FrameDetections, upside_down: np.ndarray) -> FrameDetections:
    return replace(detections, directions=np.where(upside_down, 180, 0))


def one_shot(length: int) -> np.ndarray:
    return np.zeros(length, np.intp)


def walk(length: int, *, speed: float = 3.0, size: float = 40.0, score: float = 0.9) -> list[FrameDetections]:
    return [detections_of((100 + speed * t, 100, size, score)) for t in range(length)]


@st.composite
def detections_in_shots(draw: st.DrawFn, max_frames: int = 40) -> tuple[list[FrameDetections], np.ndarray]:
    """Draw faces that walk, flicker and vanish, among stray detections, across a few shots."""
    length = draw(st.integers(2, max_frames))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    rows: list[list[tuple[float, float, float, float]]] = [[] for _ in range(length)]
    for _ in range(draw(st.integers(0, 4))):
        x, y, size = [*rng.uniform(0, 400, 2).tolist(), rng.uniform(10, 80)]
        step = rng.uniform(-0.3, 0.3, 2) * size
        for t in range(length):
            if rng.random() < 0.7:
                jitter = rng.normal(0, 0.03 * size, 2)
                score = float(rng.uniform(0.12, 1.0))
                rows[t].append((x + step[0] * t + jitter[0], y + step[1] * t + jitter[1], size, score))
    for row in rows:
        if rng.random() < 0.2:
            row.append((*rng.uniform(0, 400, 2), rng.uniform(5, 60), float(rng.uniform(0.12, 0.6))))
    cuts = rng.random(length) < draw(st.sampled_from([0.0, 0.05, 0.2]))
    turned = draw(st.sampled_from([0.0, 0.3]))
    detections = [detections_of(*row) for row in rows]
    return [in_directions(each, rng.random(len(each.scores)) < turned) for each in detections], np.cumsum(
        cuts
    )


def xyxys(boxes: list[TrackedBox]) -> np.ndarray:
    return np.array([box.xyxy for box in boxes]).reshape(-1, 4)


@given(detections_in_shots())
def test_an_accepted_detection_is_covered_by_one_box_with_its_margin(
    case: tuple[list[FrameDetections], np.ndarray],
) -> None:
    detections, shots = case
    result = track(detections, shots, QUICK)
    for frame, boxes in zip(detections, result.boxes, strict=True):
        almost = QUICK.margin - 1e-9
        for detected in box_geometry.grow(frame.boxes[frame.scores >= QUICK.accept], almost):
            assert box_geometry.covers(xyxys(boxes), detected).any()


@given(detections_in_shots())
def test_every_member_of_a_track_is_covered_in_its_frame(
    case: tuple[list[FrameDetections], np.ndarray],
) -> None:
    detections, shots = case
    result = track(detections, shots, QUICK)
    for number, members in enumerate(result.members):
        for frame, row in members:
            (own,) = [box for box in result.boxes[frame] if box.track == number]
            assert box_geometry.covers(np.array(own.xyxy), detections[frame].boxes[row])


@given(detections_in_shots())
def test_a_track_has_a_box_in_every_frame_from_its_first_member_to_its_last(
    case: tuple[list[FrameDetections], np.ndarray],
) -> None:
    detections, shots = case
    result = track(detections, shots, QUICK)
    for number, members in enumerate(result.members):
        frames = [frame for frame, _ in members]
        assert max(np.diff(frames), default=1) <= QUICK.max_gap
        present = [t for t, boxes in enumerate(result.boxes) if any(b.track == number for b in boxes)]
        assert present == list(range(present[0], present[-1] + 1))
        assert set(range(frames[0], frames[-1] + 1)) <= set(present)


@given(detections_in_shots())
def test_no_track_crosses_a_cut(case: tuple[list[FrameDetections], np.ndarray]) -> None:
    detections, shots = case
    result = track(detections, shots, QUICK)
    for number in range(len(result.members)):
        shots_of_track = {
            shots[t] for t, boxes in enumerate(result.boxes) for b in boxes if b.track == number
        }
        assert len(shots_of_track) == 1


@settings(max_examples=6 * settings.default.max_examples)
@given(detections_in_shots(max_frames=60), st.sampled_from([QUICK, SLOW_RATE]), st.data())
def test_boxes_of_a_frame_do_not_depend_on_the_slices(
    case: tuple[list[FrameDetections], np.ndarray], tracking: TrackingSettings, data: st.DataObject
) -> None:
    detections, shots = case
    whole = track(detections, shots, tracking)
    start = data.draw(st.integers(0, len(detections) - 1))
    stop = data.draw(st.integers(start + 1, len(detections)))
    first = max(0, start - tracking.temporal_margin)
    last = min(len(detections), stop + tracking.temporal_margin)
    part = track(detections[first:last], shots[first:last], tracking)
    for t in range(start, stop):
        expected = sorted((b.xyxy, b.score, b.origin) for b in whole.boxes[t])
        assert sorted((b.xyxy, b.score, b.origin) for b in part.boxes[t - first]) == expected


@given(detections_in_shots(), st.sampled_from([QUICK, SLOW_RATE]))
def test_tracking_is_symmetric_in_time(
    case: tuple[list[FrameDetections], np.ndarray], tracking: TrackingSettings
) -> None:
    detections, shots = case
    forward = track(detections, shots, tracking)
    backward = track(detections[::-1], shots[-1] - shots[::-1], tracking)
    for ahead, back in zip(forward.boxes, backward.boxes[::-1], strict=True):
        np.testing.assert_allclose(
            np.array(sorted(map(tuple, xyxys(ahead).tolist()))),
            np.array(sorted(map(tuple, xyxys(back).tolist()))),
            atol=1e-6,
        )


@given(st.integers(1, QUICK.max_gap - 1), st.floats(-0.3, 0.3))
def test_a_gap_up_to_the_limit_is_filled_along_the_motion(missing: int, speed: float) -> None:
    detections = walk(20, speed=speed * 40)
    for t in range(8, 8 + missing):
        detections[t] = FrameDetections.empty()
    result = track(detections, one_shot(20), QUICK)
    assert len(result.members) == 1
    for t in range(8, 8 + missing):
        (box,) = result.boxes[t]
        assert box.origin is Origin.FILLED
        truth = walk(20, speed=speed * 40)[t].boxes[0]
        assert box_geometry.covers(np.array(box.xyxy), truth)


def test_a_gap_beyond_the_limit_stays_open_in_the_middle() -> None:
    detections = walk(30, speed=0)
    for t in range(10, 20):
        detections[t] = FrameDetections.empty()
    result = track(detections, one_shot(30), QUICK)
    assert result.boxes[15] == []
    assert len(result.members) == 2


def test_both_ends_are_extended_and_follow_the_motion() -> None:
    detections = [FrameDetections.empty()] * 5 + walk(10, speed=10) + [FrameDetections.empty()] * 5
    result = track(detections, one_shot(20), QUICK)
    covered = [t for t, boxes in enumerate(result.boxes) if boxes]
    assert covered == list(range(3, 17))
    for t in (3, 4, 15, 16):
        (box,) = result.boxes[t]
        assert box.origin is Origin.EXTENDED
        truth = walk(20, speed=10)[0].boxes[0] + np.array([10.0, 0, 10, 0]) * (t - 5)
        assert box_geometry.covers(np.array(box.xyxy), truth)


@pytest.mark.parametrize(("score", "kept"), [(0.5, True), (0.45, False)])
def test_a_weak_detection_needs_a_confident_one_nearby(score: float, kept: bool) -> None:
    detections = [detections_of((100, 100, 40, 0.2)) for _ in range(9)]
    detections[4] = detections_of((100, 100, 40, score))
    result = track(detections, one_shot(9), QUICK)
    assert bool(result.boxes[2]) is kept
    if kept:
        assert result.boxes[2][0].origin is Origin.LINKED


def test_confirmation_ends_with_the_confirmation_window() -> None:
    detections = walk(1) + [detections_of((100, 100, 40, 0.2)) for _ in range(20)]
    result = track(detections, one_shot(21), QUICK)
    origins = [boxes[0].origin if boxes else None for boxes in result.boxes]
    assert origins[: QUICK.memory + 1] == [Origin.DETECTED] + [Origin.LINKED] * QUICK.memory
    assert not any(origins[QUICK.memory + QUICK.extension + 1 :])


def test_a_stray_weak_detection_is_not_redacted() -> None:
    detections = [FrameDetections.empty(), detections_of((50, 50, 20, 0.3)), FrameDetections.empty()]
    assert not any(track(detections, one_shot(3), QUICK).boxes)


@pytest.mark.parametrize(
    ("degrees", "is_kept"), [(0, True), (45, True), (315, True), (90, False), (180, False)]
)
def test_a_weak_detection_turned_otherwise_does_not_move_the_box(degrees: int, is_kept: bool) -> None:
    detections = walk(9, speed=0)
    (stray,) = (detections_of((100, 120, 40, 0.3)),)
    detections[4] = replace(stray, directions=np.array([degrees]))
    (box,) = track(detections, one_shot(9), replace(QUICK, smoothing=0)).boxes[4]
    assert box.origin is (Origin.LINKED if is_kept else Origin.FILLED)
    assert bool(box_geometry.centre(np.array([box.xyxy]))[0, 1] > 110) is is_kept


def test_a_weak_detection_keeps_its_direction_on_the_way_between_two() -> None:
    sure, other = walk(1, speed=0)[0], walk(1, speed=0)[0]
    detections = [replace(sure, directions=np.array([0]))] * 4
    detections += [replace(detections_of((100, 100, 40, 0.3)), directions=np.array([90]))]
    detections += [replace(other, directions=np.array([90]))] * 4
    assert all(len(boxes) == 1 for boxes in track(detections, one_shot(9), QUICK).boxes)
    assert track(detections, one_shot(9), QUICK).boxes[4][0].origin is Origin.LINKED


def test_two_people_who_pass_each_other_keep_their_tracks() -> None:
    detections = [detections_of((100 + 6 * t, 100, 40, 0.9), (220 - 6 * t, 190, 42, 0.9)) for t in range(21)]
    result = track(detections, one_shot(21), QUICK)
    assert [len(members) for members in result.members] == [21, 21]


def test_no_frames_and_no_detections_are_fine() -> None:
    assert track([], one_shot(0), QUICK).boxes == []
    assert track([FrameDetections.empty()], one_shot(1), QUICK).boxes == [[]]


def test_smoothing_never_shrinks_a_box_below_its_detection() -> None:
    detections = [detections_of((100, 100, size, 0.9)) for size in (40, 40, 25, 40, 60, 40)]
    result = track(detections, one_shot(6), replace(QUICK, margin=0.0))
    for frame, boxes in zip(detections, result.boxes, strict=True):
        assert box_geometry.covers(np.array(boxes[0].xyxy), frame.boxes[0])
    shrunk = np.array(result.boxes[2][0].xyxy)
    assert box_geometry.area(shrunk) > 30**2


@pytest.mark.parametrize("rate", [5.0, 10.0, 11.4, 12.5, 24.0, 25.0, 60.0, 240.0])
def test_track_limits_follow_the_frame_rate_within_bounds(rate: float) -> None:
    interval = key_interval(video_scales(rate))
    settings_ = TrackingSettings.for_rate(rate, interval)
    seconds = settings_.max_gap / min(max(rate, 10), 60)
    assert seconds == pytest.approx(0.48, rel=0.15)
    # Tracks bridge one failed pass, and extrapolation covers the frames between two passes.
    assert settings_.max_gap >= 2 * interval
    assert settings_.extension >= interval - 1


@pytest.mark.parametrize(("rate", "face_sizes_per_second"), [(10.0, 9.0), (12.0, 10.0), (25.0, 12.0)])
def test_someone_who_walks_is_one_track_at_any_frame_rate(rate: float, face_sizes_per_second: float) -> None:
    settings_ = TrackingSettings.for_rate(rate, key_interval(video_scales(rate)), follow_seconds=0)
    everywhere = walk(20, speed=face_sizes_per_second / rate * 40)
    seen = [
        FrameDetections.empty() if 8 <= frame < 8 + settings_.max_gap - 1 else found
        for frame, found in enumerate(everywhere)
    ]
    result = track(seen, one_shot(20), settings_)
    assert len(result.members) == 1
    for boxes, truth in zip(result.boxes, everywhere, strict=True):
        assert box_geometry.covers(np.array(boxes[0].xyxy), truth.boxes[0])


@pytest.mark.parametrize("rate", [24_000 / 1001, 25.0, 30.0, 60.0])
def test_at_the_usual_frame_rates_neighbouring_detections_are_as_near_as_ever(rate: float) -> None:
    assert TrackingSettings.for_rate(rate).adjacent_distance == TrackingSettings().adjacent_distance


@pytest.mark.parametrize("speed", [-4.0, 4.0])
def test_both_ends_follow_the_motion_of_occasional_detections(speed: float) -> None:
    tracking = TrackingSettings(memory=12, max_gap=12, extension=5)
    truth = walk(30, speed=speed)
    detections = [truth[t] if t in {6, 12, 18} else FrameDetections.empty() for t in range(30)]
    result = track(detections, one_shot(30), tracking)
    covered = [t for t, boxes in enumerate(result.boxes) if boxes]
    assert covered == list(range(1, 24))
    for t in covered:
        assert box_geometry.covers(np.array(result.boxes[t][0].xyxy), truth[t].boxes[0])
