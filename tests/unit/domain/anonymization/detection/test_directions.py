"""Turned looks: the way to a turned image and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeFrame, FakeSampler
from fakes.vision import LANDMARKS, FakeFaceDetector, paint_face
from framecloak.domain.anonymization.detection.directions import (
    map_boxes,
    map_from_turned,
    map_points,
    rotation,
    turn,
    turned_size,
    zoomed,
)
from framecloak.domain.anonymization.detection.faces import FaceSearch, directions_of, merge_detections
from framecloak.domain.anonymization.detection.scales import Look
from framecloak.domain.anonymization.model.detections import FrameDetections

DIRECTIONS = range(0, 360, 45)

sizes = st.tuples(st.integers(1, 20), st.integers(1, 20)).map(lambda size: (32 * size[0], 32 * size[1]))
directions = st.sampled_from(DIRECTIONS)


@given(sizes, directions)
def test_a_turned_image_holds_the_whole_original(size: tuple[int, int], direction: int) -> None:
    turned = turned_size(*size, direction, 32)
    assert all(side % 32 == 0 for side in turned)
    matrix = map_from_turned(size, turned, direction)
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    corners = np.array([(0, 0), (size[0], 0), (0, size[1]), size], float)
    there = map_points(corners, inverse)
    assert map_points(there, matrix) == pytest.approx(corners, abs=1e-6)
    assert there.min() >= -1e-6
    assert (there <= np.array(turned) + 1e-6).all()


@given(st.integers(-4, 8))
def test_quarter_turns_are_whole_numbers(quarters: int) -> None:
    matrix = rotation(90.0 * quarters)
    assert (matrix == np.rint(matrix)).all()
    assert np.linalg.matrix_power(rotation(90.0), quarters % 4) == pytest.approx(matrix)


@given(directions, st.integers(0, 80), st.integers(0, 60), st.integers(1, 30), st.integers(1, 30))
def test_a_box_is_mapped_to_the_box_around_its_ellipse(
    direction: int, x: int, y: int, width: int, height: int
) -> None:
    box = np.array([[x, y, x + width, y + height]], float)
    matrix = map_from_turned((96, 64), turned_size(96, 64, direction, 32), direction)
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    halves, centre = (box[0, 2:] - box[0, :2]) / 2, (box[0, 2:] + box[0, :2]) / 2
    ellipse = map_points(centre + halves * np.stack([np.cos(angles), np.sin(angles)], axis=1), matrix)
    tight = np.concatenate([ellipse.min(axis=0), ellipse.max(axis=0)])
    assert map_boxes(box, matrix)[0] == pytest.approx(tight, abs=0.01)


def test_a_map_can_be_scaled_differently_on_each_axis() -> None:
    matrix = zoomed(map_from_turned((64, 32), (64, 32), 0), (3.0, 0.5))
    assert map_points(np.array([[10.0, 20.0]]), matrix).tolist() == [[30.0, 10.0]]


@pytest.mark.parametrize("direction", [90, 180, 270])
def test_quarter_turned_images_are_rotated_clockwise(direction: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    result = turn(image, direction, turned_size(96, 64, direction, 32), FakeSampler())
    assert (result == np.rot90(image, -direction // 90)).all()
    assert result.flags.c_contiguous


def look_in(direction: int, box: tuple[int, int, int, int], size: tuple[int, int]) -> FrameDetections:
    """Look at a frame with one painted face, which is painted in RGB, in one direction."""
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    paint_face(image, box)
    frame = FakeFrame(0, np.ascontiguousarray(image[:, :, ::-1]))
    search = FaceSearch(FakeFaceDetector(), FakeSampler())
    (analysis,) = search.look([frame], [[Look(*size, direction)]], 0.3)
    assert analysis.faces is not None
    return analysis.faces


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("box", [(70, 20, 94, 44), (4, 40, 24, 60), (40, 100, 64, 124)])
def test_a_turned_face_is_reported_in_pixels_of_the_frame(
    direction: int, box: tuple[int, int, int, int]
) -> None:
    found = look_in(direction, box, (192, 128))
    assert directions_of(found).tolist() == [direction]
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    assert (found.boxes[0, :2] + found.boxes[0, 2:]) / 2 == pytest.approx(centre, abs=1.0)
    if direction % 90 == 0:
        assert found.boxes[0] == pytest.approx(np.array(box))
    else:
        assert (found.boxes[0, :2] <= np.array(box[:2]) + 1).all()
        assert (found.boxes[0, 2:] >= np.array(box[2:]) - 1).all()
    # Landmarks are those of the turned box, turned back around its centre.
    assert found.landmarks is not None
    offset = (found.landmarks[0] - centre) @ rotation(direction).T
    wide = (LANDMARKS - 0.5) * (box[2] - box[0]) * (1.0 if direction % 90 == 0 else np.sqrt(2))
    assert offset == pytest.approx(wide, abs=2.5)


@pytest.mark.parametrize("size", [(384, 96), (32, 32), (96, 384)])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_panoramas_and_tiny_frames_are_looked_at_in_every_direction(
    direction: int, size: tuple[int, int]
) -> None:
    middle = size[0] // 2, size[1] // 2
    box = middle[0] - 8, middle[1] - 8, middle[0] + 8, middle[1] + 8
    found = look_in(direction, box, size)
    assert len(found.scores) >= 1
    assert found.boxes[0].reshape(2, 2).mean(axis=0) == pytest.approx(np.array(middle), abs=1.5)


@pytest.mark.parametrize("direction", [45, 135, 225, 315])
def test_faces_that_are_mirrored_beyond_the_border_are_not_reported(direction: int) -> None:
    found = look_in(direction, (0, 40, 20, 60), (192, 96))
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert (centres >= 0).all()
    assert (centres <= [192, 96]).all()


def found_at(*rows: tuple[float, float, float, int]) -> FrameDetections:
    """Return detections of 20 px given as x, y, score and direction."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    boxes = np.hstack([table[:, :2], table[:, :2] + 20])
    return FrameDetections(
        boxes,
        table[:, 2],
        np.zeros((len(table), 5, 2), np.float32),
        directions=table[:, 3].astype(np.intp),
    )


def merged(looks: Sequence[FrameDetections]) -> list[tuple[float, int]]:
    result = merge_detections(looks)
    return sorted(zip(result.scores.tolist(), directions_of(result).tolist(), strict=True))


def test_an_upright_face_beats_a_turned_one_that_is_no_surer() -> None:
    assert merged([found_at((0, 0, 0.6, 0)), found_at((11, 0, 0.6, 90))]) == [(0.6, 0)]
    assert merged([found_at((0, 0, 0.6, 0)), found_at((11, 0, 0.7, 90))]) == [(0.6, 0), (0.7, 90)]


def test_of_the_same_face_the_surest_look_counts() -> None:
    assert merged([found_at((0, 0, 0.3, 0)), found_at((1, 1, 0.9, 270))]) == [(0.9, 270)]


def test_turned_faces_do_not_beat_each_other_and_those_apart_remain() -> None:
    looks = [found_at((0, 0, 0.6, 180)), found_at((11, 0, 0.7, 90)), found_at((80, 0, 0.2, 0))]
    assert merged(looks) == [(0.2, 0), (0.6, 180), (0.7, 90)]


def test_nothing_is_merged_to_nothing() -> None:
    assert merged([]) == []
    assert merged([FrameDetections.empty(), FrameDetections.empty()]) == []
