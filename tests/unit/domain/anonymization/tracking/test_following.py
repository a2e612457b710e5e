"""Heads that are followed by their pixels, on painted frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.tracked_boxes import Origin, TrackedBox
from framecloak.domain.anonymization.tracking.following import (
    HIDDEN_FRAMES,
    MAX_GROWTH,
    MIN_SURE_DETECTIONS,
    follow,
)
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.anonymization.tracking.tracker import track
from framecloak.domain.imaging import box_geometry

WIDTH, HEIGHT = 320, 180
ZOOM = 2.0
"""Pixels of the frame per pixel of the thumbnail."""

SIDE = 24
"""Side of the head in pixels of the thumbnail."""

LENGTH = 40
SETTINGS = TrackingSettings(extension=4, follow=20, smoothing=0, margin=0.0, widen=False)

Path = Callable[[int], tuple[float, float]]
"""Returns the centre of the head in a frame, in pixels of the thumbnail."""


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Return noise with structures of three pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 235, (height // 3 + 2, width // 3 + 2))
    return np.repeat(np.repeat(coarse, 3, axis=0), 3, axis=1)[:height, :width].astype(np.float64)


def paint(levels: np.ndarray, patch: np.ndarray, centre: tuple[float, float]) -> None:
    """Paint a patch into an image, in place, rounded to pixels."""
    side = len(patch)
    x, y = (round(value - side / 2) for value in centre)
    rows, columns = (np.arange(start, start + side) for start in (y, x))
    height, width = levels.shape
    seen = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    levels[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)] = patch[seen]


def thumbnail_of(
    index: int, path: Path | None, *, pan: float = 0.0, hidden: Sequence[int] = (), shot: int = 0
) -> Thumbnail:
    """Return a frame with a head before a background that pans to the left."""
    # Where a background has as much contrast as the head, what surrounds the head hides it.
    background = 90 + texture(HEIGHT, WIDTH + 400, 1 + shot) / 5
    left = 200 + round(pan * index)
    levels = background[:, left : left + WIDTH].copy()
    if path and index not in hidden:
        paint(levels, texture(SIDE, SIDE, 99), path(index))
    return Thumbnail(levels.astype(np.uint8), (ZOOM, ZOOM))


def box_at(centre: tuple[float, float], side: float = SIDE) -> np.ndarray:
    """Return the box of a head in pixels of the frame."""
    x, y = centre
    return ZOOM * np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])


def detected(path: Path, frames: Sequence[int], score: float = 0.9) -> list[FrameDetections]:
    """Return the detections of a video in which the face is found in some frames only."""
    return [
        FrameDetections(box_at(path(index))[None], np.array([score]))
        if index in frames
        else FrameDetections.empty()
        for index in range(LENGTH)
    ]


def tracked(
    detections: Sequence[FrameDetections],
    thumbnails: Sequence[Thumbnail | None],
    tracking: TrackingSettings = SETTINGS,
    shots: Sequence[int] | None = None,
) -> list[list[TrackedBox]]:
    numbers = np.array(shots if shots is not None else [0] * len(detections), np.intp)
    return track(detections, numbers, tracking, (), thumbnails).boxes


def followed_in(boxes: Sequence[Sequence[TrackedBox]]) -> list[int]:
    return [index for index, each in enumerate(boxes) if any(box.origin is Origin.FOLLOWED for box in each)]


def covered(boxes: Sequence[Sequence[TrackedBox]], path: Path) -> list[int]:
    """Return the frames in which nine tenths of the visible part of the head are inside one box."""
    frames = []
    for index, each in enumerate(boxes):
        head = np.clip(box_at(path(index)), 0, ZOOM * np.array([WIDTH, HEIGHT] * 2))
        redacted = np.array([box.xyxy for box in each]).reshape(-1, 4)
        if (box_geometry.share_inside(head[None], redacted) >= 0.9).any():
            frames.append(index)
    return frames


def walk(index: int) -> tuple[float, float]:
    return 60.0 + 3 * index, 90.0 + index


def still(_: int) -> tuple[float, float]:
    return 100.0, 90.0


@pytest.mark.parametrize("pan", [0.0, 2.0, -3.0])
def test_a_head_that_turns_away_is_followed_before_a_moving_background(pan: float) -> None:
    thumbnails = [thumbnail_of(index, walk, pan=pan) for index in range(LENGTH)]
    boxes = tracked(detected(walk, range(16, 20)), thumbnails)
    assert followed_in(boxes) == [*range(16), *range(20, 40)]
    assert covered(boxes, walk) == list(range(LENGTH))


def test_a_head_is_followed_to_the_edge_of_the_frame() -> None:
    def path(index: int) -> tuple[float, float]:
        return 160.0 + 8 * index, 90.0

    thumbnails = [thumbnail_of(index, path) for index in range(LENGTH)]
    boxes = tracked(detected(path, range(5)), thumbnails)
    touches = (WIDTH - SIDE / 2 - 160) / 8
    assert set(range(5, int(touches) + 1)) <= set(followed_in(boxes))
    gone = (WIDTH + SIDE / 2 - 160) / 8
    assert max(followed_in(boxes)) <= gone
    # The last boxes stay while the head crosses the edge.
    assert set(range(int(touches) + 1 + HIDDEN_FRAMES)) <= set(covered(boxes, path))


def test_following_stops_where_the_head_is_hidden() -> None:
    thumbnails = [thumbnail_of(index, walk, hidden=range(25, 40)) for index in range(LENGTH)]
    boxes = tracked(detected(walk, range(16, 20)), thumbnails)
    assert max(followed_in(boxes)) == 24
    assert [index for index, each in enumerate(boxes) if each][-1] == 24 + HIDDEN_FRAMES


def test_what_slides_before_a_head_does_not_take_its_box() -> None:
    pillar = texture(HEIGHT, 60, 7)
    thumbnails = []
    for index in range(LENGTH):
        frame = thumbnail_of(index, still)
        left = 260 - 6 * index
        seen = slice(max(0, left), max(0, left + 60))
        frame.levels[:, seen] = pillar[:, max(0, -left) :][:, : seen.stop - seen.start]
        thumbnails.append(frame)
    # It reaches the head in frame 25 and has hidden it in frame 29.
    boxes = tracked(detected(still, range(20)), thumbnails, replace(SETTINGS, follow=20))
    assert 24 <= max(followed_in(boxes)) <= 29
    for each in boxes:
        for box in each:
            assert abs((box.xyxy[0] + box.xyxy[2]) / 2 - ZOOM * 100) <= 2 * ZOOM * SIDE / 4


def test_following_stops_at_a_cut() -> None:
    thumbnails = [thumbnail_of(index, walk, shot=int(index >= 26)) for index in range(LENGTH)]
    shots = [int(index >= 26) for index in range(LENGTH)]
    boxes = tracked(detected(walk, range(16, 20)), thumbnails, shots=shots)
    assert max(index for index, each in enumerate(boxes) if each) == 25


def test_following_stops_at_the_limit() -> None:
    thumbnails = [thumbnail_of(index, still) for index in range(LENGTH)]
    for limit in (5, 9, 20):
        boxes = tracked(detected(still, range(16, 20)), thumbnails, replace(SETTINGS, follow=limit))
        present = [index for index, each in enumerate(boxes) if each]
        assert present == list(range(max(0, 16 - limit), min(LENGTH, 20 + limit)))


def test_following_stops_at_a_frame_without_analysis() -> None:
    thumbnails: list[Thumbnail | None] = [thumbnail_of(index, still) for index in range(LENGTH)]
    thumbnails[24] = None
    boxes = tracked(detected(still, range(16, 20)), thumbnails)
    assert max(followed_in(boxes)) == 23
    assert max(index for index, each in enumerate(boxes) if each) == 23 + HIDDEN_FRAMES


def test_following_stops_at_another_face() -> None:
    thumbnails = [thumbnail_of(index, still) for index in range(LENGTH)]
    detections = detected(still, range(16, 20))
    for index in range(28, LENGTH):
        # Too large to belong to the same track.
        detections[index] = FrameDetections(box_at(still(index), side=2.5 * SIDE)[None], np.array([0.9]))
    boxes = tracked(detections, thumbnails)
    first = {box.track for box in boxes[16] if box.origin is Origin.DETECTED}
    assert (
        max(index for index, each in enumerate(boxes) for box in each if box.track in first)
        == 27 + HIDDEN_FRAMES
    )


@pytest.mark.parametrize("sure", range(1, MIN_SURE_DETECTIONS + 2))
def test_a_track_with_little_evidence_is_followed_no_further_than_extrapolated(sure: int) -> None:
    thumbnails = [thumbnail_of(index, still) for index in range(LENGTH)]
    boxes = tracked(detected(still, range(20 - sure, 20)), thumbnails)
    reach = SETTINGS.follow if sure >= MIN_SURE_DETECTIONS else SETTINGS.extension
    assert max(index for index, each in enumerate(boxes) if each) == min(LENGTH - 1, 19 + reach)


def test_only_detections_near_the_end_of_a_track_are_evidence() -> None:
    thumbnails = [thumbnail_of(index, still) for index in range(LENGTH)]
    near = replace(SETTINGS, memory=4, max_gap=4)
    scores = [0.9] * 4 + [0.3, 0.3, 0.3, 0.9, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.9]
    detections = [
        FrameDetections(box_at(still(index))[None], np.array([score])) for index, score in enumerate(scores)
    ]
    detections += [FrameDetections.empty()] * (LENGTH - len(scores))
    boxes = tracked(detections, thumbnails, near)
    assert max(index for index, each in enumerate(boxes) if each) == 15 + near.extension


def test_an_even_surface_is_not_followed() -> None:
    grey = Thumbnail(np.full((HEIGHT, WIDTH), 90, np.uint8), (ZOOM, ZOOM))
    boxes = tracked(detected(still, range(16, 20)), [grey] * LENGTH)
    assert followed_in(boxes) == []
    present = [index for index, each in enumerate(boxes) if each]
    assert present == list(range(16 - HIDDEN_FRAMES, 20 + HIDDEN_FRAMES))


@pytest.mark.parametrize("size", [(16, 16), (8, 32), (320, 80), (33, 17)])
def test_a_face_that_fills_the_smallest_frames_needs_no_following(size: tuple[int, int]) -> None:
    levels = texture(size[1], size[0], 3).astype(np.uint8)
    thumbnail = Thumbnail(levels, (1.0, 1.0))
    box = np.array([0.0, 0.0, *size])
    assert list(follow([thumbnail] * 5, box, np.zeros(2))) == []


@st.composite
def smooth_paths(draw: st.DrawFn) -> Path:
    """Draw motion without jumps: at most two pixels a frame on each axis."""
    speed = np.array([draw(st.floats(-1.0, 1.0)), draw(st.floats(-1.0, 1.0))])
    swing, period = draw(st.floats(0.0, 5.0)), draw(st.floats(30.0, 90.0))

    def path(index: int) -> tuple[float, float]:
        x, y = np.array([160.0, 90.0]) + speed * (index - 20)
        return float(x + swing * np.sin(index * 2 * np.pi / period)), float(y)

    return path


@settings(max_examples=settings.default.max_examples // 2)
@given(smooth_paths(), st.floats(-2.0, 2.0))
def test_boxes_drift_no_further_than_they_grow(path: Path, pan: float) -> None:
    thumbnails = [thumbnail_of(index, path, pan=pan) for index in range(LENGTH)]
    boxes = list(follow(thumbnails[8:], box_at(path(8)), np.zeros(2)))
    for index, box in enumerate(boxes, start=9):
        offset = np.abs(box_geometry.centre(box) - ZOOM * np.array(path(index)))
        # Heads are painted and located at whole pixels; whatever is off by more stays inside the growth.
        assert offset.max() <= ZOOM * (1 + MAX_GROWTH * SIDE)
    assert len(boxes) == LENGTH - 9


@settings(max_examples=settings.default.max_examples // 2)
@given(smooth_paths(), st.floats(-2.0, 2.0), st.integers(8, 28), st.booleans())
def test_reversed_time_gives_reversed_boxes(path: Path, pan: float, start: int, hides: bool) -> None:
    hidden = range(start + 8, LENGTH) if hides else ()
    thumbnails = [thumbnail_of(index, path, pan=pan, hidden=hidden) for index in range(LENGTH)]
    detections = detected(path, range(start, start + 4))
    tracking = replace(SETTINGS, smoothing=2, margin=0.1)
    onwards = tracked(detections, thumbnails, tracking)
    backwards = tracked(detections[::-1], thumbnails[::-1], tracking)[::-1]
    assert [[(box.xyxy, box.origin) for box in each] for each in onwards] == [
        [(pytest.approx(box.xyxy), box.origin) for box in each] for each in backwards
    ]
