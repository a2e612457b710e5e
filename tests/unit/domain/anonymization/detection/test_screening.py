"""Screening of turned looks by a faster detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeFrame, FakeSampler
from fakes.vision import FakeFaceDetector, paint_face
from framecloak.domain.anonymization.detection.faces import FaceSearch
from framecloak.domain.anonymization.detection.scales import Look
from framecloak.domain.anonymization.detection.screening import MAX_TILED_SHARE, screened_tiles
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.imaging.detections import Image

WIDTH, HEIGHT = 960, 544
STRIDE = 32

cells = st.tuples(st.integers(0, 7), st.integers(0, 3))
"""Columns and rows of a grid of 120x136 pixels, one face in each cell at most."""
faces = st.dictionaries(cells, st.tuples(st.integers(16, 60), st.integers(16, 60)), max_size=4)


def painted(sizes: dict[tuple[int, int], tuple[int, int]]) -> Image:
    """Return an RGB image with a face of a size in each of some cells."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for (column, row), (width, height) in sizes.items():
        x, y = 120 * column + 30, 136 * row + 30
        paint_face(image, (x, y, x + width, y + height))
    return image


def looked_at(image: Image, search: FaceSearch, direction: int) -> FrameAnalysis:
    frame = FakeFrame(0, np.ascontiguousarray(image[:, :, ::-1]))
    (analysis,) = search.look([frame], [[Look(WIDTH, HEIGHT, direction)]], 0.3)
    return analysis


@given(sizes=faces, direction=st.sampled_from([90, 180, 270]))
@settings(deadline=None, max_examples=30)
def test_screened_looks_find_the_same_faces(
    sizes: dict[tuple[int, int], tuple[int, int]], direction: int
) -> None:
    image = painted(sizes)
    detector = FakeFaceDetector()
    expected = looked_at(image, FaceSearch(FakeFaceDetector(), FakeSampler()), direction).faces
    screened = FaceSearch(detector, FakeSampler(), screen=FakeFaceDetector())
    found = looked_at(image, screened, direction).faces
    assert expected is not None
    assert found is not None
    assert len(expected.boxes) == len(sizes)
    assert sorted(found.boxes.tolist()) == sorted(expected.boxes.tolist())
    assert sum(count * height * width for count, height, width in detector.calls) <= WIDTH * HEIGHT


def test_a_turned_look_is_left_out_where_the_faster_detector_sees_nothing() -> None:
    detector, screen = FakeFaceDetector(), FakeFaceDetector()
    search = FaceSearch(detector, FakeSampler(), screen=screen)
    assert looked_at(painted({}), search, 90).faces is not None
    assert not detector.calls
    assert screen.calls == [(1, WIDTH, HEIGHT)]


def test_upright_looks_are_never_screened() -> None:
    detector, screen = FakeFaceDetector(), FakeFaceDetector(broken=True)
    analysis = looked_at(painted({}), FaceSearch(detector, FakeSampler(), screen=screen), 0)
    assert analysis.faces is not None
    assert detector.calls == [(1, HEIGHT, WIDTH)]
    assert not screen.calls


def test_a_frame_on_which_the_screening_fails_counts_as_not_analysed() -> None:
    search = FaceSearch(FakeFaceDetector(), FakeSampler(), screen=FakeFaceDetector(broken=True))
    assert looked_at(painted({}), search, 180).faces is None


@pytest.mark.parametrize("stride", [24, 64])
def test_a_detector_whose_stride_does_not_fit_screens_nothing(stride: int) -> None:
    screen = FakeFaceDetector(stride=stride)
    (tile,) = screened_tiles(screen, painted({}), STRIDE)
    assert (tile.width, tile.height) == (WIDTH, HEIGHT)
    assert not screen.calls


@given(sizes=st.dictionaries(cells, st.tuples(st.integers(8, 80), st.integers(8, 80)), max_size=32))
@settings(deadline=None, max_examples=50)
def test_tiles_hold_every_face_and_fit_the_detector(sizes: dict[tuple[int, int], tuple[int, int]]) -> None:
    image = painted(sizes)
    found = list(screened_tiles(FakeFaceDetector(), image, STRIDE))
    (seen,) = FakeFaceDetector().detect([image], 0.2)
    for box in seen.boxes:
        assert any(
            tile.owns(box[None])[0]
            and tile.x <= box[0]
            and tile.y <= box[1]
            and box[2] <= tile.x + tile.width
            and box[3] <= tile.y + tile.height
            for tile in found
        )
    area = sum(tile.width * tile.height for tile in found)
    assert area <= MAX_TILED_SHARE * WIDTH * HEIGHT or len(found) == 1
    for tile in found:
        assert {side % STRIDE for side in (tile.x, tile.y, tile.width, tile.height)} == {0}
        assert 0 <= tile.x < tile.x + tile.width <= WIDTH
        assert 0 <= tile.y < tile.y + tile.height <= HEIGHT


def test_large_images_are_screened_in_parts() -> None:
    image = np.full((1056, 2112, 3), 128, np.uint8)
    paint_face(image, (1040, 500, 1080, 540))
    screen = FakeFaceDetector()
    tiles = list(screened_tiles(screen, image, STRIDE))
    assert any(tile.owns(np.array([[1040, 500, 1080, 540]]))[0] for tile in tiles)
    assert max(max(height, width) for _, height, width in screen.calls) <= 1024
