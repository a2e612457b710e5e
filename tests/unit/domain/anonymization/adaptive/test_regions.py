"""Regions of frames: crops, the way back from them, and what their borders cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fakes.frames import CutFromWhole
from fakes.media import FakeSampler
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.adaptive.regions import (
    BORDER_PX,
    BORDER_SHARE,
    FULL_SIDE_PX,
    MEDIUM_SIDE_PX,
    Region,
    detect_in_region,
    joined,
    scale_for,
)
from framecloak.domain.anonymization.detection.directions import map_points
from framecloak.domain.anonymization.detection.faces import FaceSearch
from framecloak.domain.anonymization.detection.scales import DIAGONALS, QUARTER_TURNS, DetectionScale
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import Detections, Image, ModelCard

WIDTH, HEIGHT = 480, 288
BACKGROUND, HEAD = 40, 200
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class HeadFrame(CutFromWhole):
    """Shows a round head on an even background, at any size.

    Attributes:
        head: box of the head in pixels of the frame.
    """

    head: Box
    index: int = 0
    width: int = WIDTH
    height: int = HEIGHT
    display_size: tuple[int, int] = (WIDTH, HEIGHT)
    nbytes: int = 0

    def bgr(self) -> Image:
        return self.rgb(self.width, self.height)

    def rgb(self, width: int, height: int) -> Image:
        x1, y1, x2, y2 = self.head
        x = ((np.arange(width) + 0.5) * self.width / width - (x1 + x2) / 2) / ((x2 - x1) / 2)
        y = ((np.arange(height) + 0.5) * self.height / height - (y1 + y2) / 2) / ((y2 - y1) / 2)
        inside = (np.square(x) + np.square(y[:, None]) < 1)[..., None]
        return np.broadcast_to(np.where(inside, HEAD, BACKGROUND), (height, width, 3)).astype(np.uint8)


@dataclass
class HeadDetector:
    """Detects connected bright areas: heads, what a crop leaves of them, and what is mirrored beyond it."""

    stride: int = 32
    max_batch: int = 1
    sizes: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("heads", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        self.sizes.append((image.shape[1], image.shape[0]))
        bright = (image[..., 0] > (HEAD + BACKGROUND) / 2).astype(np.uint8)
        areas = cv2.connectedComponentsWithStats(bright)[2][1:, :4].astype(np.float32)
        corners, extents = areas[:, :2], areas[:, 2:]
        return Detections(
            np.hstack([corners, corners + extents]),
            np.full(len(areas), 0.9, np.float32),
            corners[:, None] + extents[:, None] * LANDMARKS,
        )


def found_in(frame: HeadFrame, region: Region, detector: HeadDetector | None = None) -> list[FrameDetections]:
    search = FaceSearch(detector or HeadDetector(), FakeSampler())
    return list(detect_in_region(search, frame, region, 0.1))


def region_at(box: Box, longest_side: int = WIDTH, directions: frozenset[int] = frozenset({0})) -> Region:
    return Region(np.array(box), DetectionScale(longest_side, max_enlargement=2.0), directions)


@given(
    direction=st.sampled_from((0, *QUARTER_TURNS, *DIAGONALS)),
    longest_side=st.sampled_from((320, 480, 640, 960)),
    squeeze=st.sampled_from((1.0, 0.75, 1.5)),
    size=st.floats(36.0, 60.0),
    x=st.floats(0.0, 1.0),
    y=st.floats(0.0, 1.0),
)
def test_boxes_are_mapped_back_from_every_direction_and_zoom(
    direction: int, longest_side: int, squeeze: float, size: float, x: float, y: float
) -> None:
    stored = round(WIDTH * squeeze)
    wide = size * squeeze
    left, top = 8 + x * (stored - wide - 16), 8 + y * (HEIGHT - size - 16)
    head = (left, top, left + wide, top + size)
    frame = HeadFrame(head, width=stored)
    around = left - size / 2, top - size / 2, left + wide + size / 2, top + 1.5 * size
    (found,) = found_in(frame, region_at(around, longest_side, frozenset({direction})))
    # Pixels of the scaled image are up to two pixels of the frame, and a diagonal has steps.
    tolerance = 3.5 * max(1.0, WIDTH / longest_side) * max(1.0, squeeze)
    assert found.boxes == pytest.approx(np.array([head]), abs=tolerance)
    assert found.directions is not None
    assert found.directions.tolist() == [direction]
    # Landmarks turn with the image: the middle of the eyes lies above that of the mouth in the turned one.
    assert found.landmarks is not None
    eyes, mouth = found.landmarks[0, :2].mean(axis=0), found.landmarks[0, 3:].mean(axis=0)
    upwards = (eyes - mouth) / [squeeze, 1.0]
    up = map_points(np.array([[0.0, -1.0]]), _turn_back(direction))[0]
    assert upwards @ up > 0.9 * np.hypot(*upwards)


def _turn_back(degrees: int) -> np.ndarray:
    """Return the map of directions in an image turned clockwise to those in the original."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0]])


@given(st.floats(-30.0, 30.0), st.floats(-30.0, 30.0))
def test_faces_that_the_border_of_a_crop_cuts_are_dropped(right: float, down: float) -> None:
    # The crop of this region is (192, 96, 288, 192).
    region = region_at((200.0, 100.0, 280.0, 188.0))
    centre = 240 + right, 144 + down
    head = (centre[0] - 25, centre[1] - 25, centre[0] + 25, centre[1] + 25)
    clearances = np.array([head[0] - 192, head[1] - 96, 288 - head[2], 192 - head[3]])
    border = max(BORDER_PX, BORDER_SHARE * 50)
    assume((np.abs(clearances - border) > 1).all())
    (found,) = found_in(HeadFrame(head), region)
    assert len(found.scores) == (1 if (clearances > border).all() else 0)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (WIDTH - 50.0, 0.0), (0.0, HEIGHT - 50.0)])
def test_faces_that_the_frame_cuts_are_kept(corner: tuple[float, float]) -> None:
    x, y = corner
    head = (x - 10, y, x + 40, y + 50) if x == 0 else (x + 10, y, x + 60, y + 50)
    (found,) = found_in(HeadFrame(head), region_at((x, y, x + 50, y + 50)))
    assert len(found.scores) == 1


def test_faces_centred_outside_a_region_are_dropped() -> None:
    frame = HeadFrame((200, 130, 230, 160))
    detector = HeadDetector()
    (found,) = found_in(frame, region_at((216, 120, 270, 170)), detector)
    # The crop is larger than the region, and shows the face.
    assert (len(found.scores), detector.sizes) == (0, [(96, 96)])
    assert len(found_in(frame, region_at((214, 120, 270, 170)))[0].scores) == 1


def test_a_region_that_is_most_of_the_frame_is_looked_at_as_a_whole() -> None:
    detector = HeadDetector()
    (found,) = found_in(HeadFrame((10, 10, 60, 60)), region_at((0, 0, 400, 280)), detector)
    assert (len(found.scores), detector.sizes) == (1, [(WIDTH, HEIGHT)])


def test_the_whole_of_a_frame_smaller_than_a_crop_is_looked_at() -> None:
    detector = HeadDetector()
    frame = HeadFrame((10, 10, 30, 30), width=64, height=64, display_size=(64, 64))
    (found,) = found_in(frame, region_at((5, 5, 35, 35), 64), detector)
    assert (len(found.scores), detector.sizes) == (1, [(64, 64)])


boxes = st.tuples(st.integers(0, 400), st.integers(0, 200), st.integers(10, 80), st.integers(10, 80)).map(
    lambda box: (float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3]))
)
regions = st.builds(
    region_at, boxes, st.sampled_from((320, 960)), st.sampled_from((frozenset({0}), frozenset({0, 90})))
)


@given(st.lists(regions, max_size=6))
def test_joined_regions_cover_all_of_them_in_all_their_directions(parts: list[Region]) -> None:
    result = joined(parts)
    assert len(result) <= len(parts)
    for part in parts:
        assert any(
            region.scale == part.scale
            and part.directions <= region.directions
            and box_geometry.covers(region.box[None], part.box).all()
            for region in result
        )
    assert len(joined(result)) == len(result)


def test_regions_are_joined_only_where_one_crop_costs_less() -> None:
    near = region_at((0, 0, 50, 50)), region_at((40, 0, 90, 50), directions=frozenset({90}))
    (both,) = joined(near)
    assert (both.box.tolist(), both.directions) == ([0, 0, 90, 50], frozenset({0, 90}))
    assert len(joined([near[0], region_at((100, 100, 150, 150))])) == 2
    assert len(joined([near[0], region_at((40, 0, 90, 50), 960)])) == 2


@pytest.mark.parametrize(
    ("size", "frame_size", "longest_side"),
    [
        (384, (1920, 1080), 320),
        (383, (1920, 1080), MEDIUM_SIDE_PX),
        (64, (1920, 1080), MEDIUM_SIDE_PX),
        (63, (1920, 1080), FULL_SIDE_PX),
        (24, (1080, 1920), FULL_SIDE_PX),
        # Smaller ones are looked at as large as possible.
        (8, (1920, 1080), FULL_SIDE_PX),
        (8, (640, 360), FULL_SIDE_PX),
        (47, (3840, 2160), 3840),
        (8, (3840, 2160), 3840),
    ],
)
def test_the_smallest_scale_that_shows_a_face_well_is_chosen(
    size: float, frame_size: tuple[int, int], longest_side: int
) -> None:
    assert scale_for(size, frame_size).longest_side == longest_side
