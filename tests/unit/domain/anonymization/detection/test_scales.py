"""Detection scales of frames, and tiles of large images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.scales import (
    DIAGONALS,
    IMAGE_SCALES,
    MAX_TILE_PX,
    MIN_TURNED_SCORE,
    QUARTER_TURNS,
    TILE_OVERLAP_PX,
    VIDEO_SCALES,
    DetectionScale,
    Look,
    block_interval,
    key_interval,
    looks_at,
    scaled_sizes,
    tiles,
    verified_scales,
    video_scales,
)

sides = st.integers(1, 130).map(lambda blocks: 32 * blocks)


def test_every_key_frame_of_a_video_is_analysed_and_block_boundaries_at_every_size() -> None:
    upright = [scale for scale in VIDEO_SCALES if not scale.direction]
    every = [scaled_sizes(index, (1920, 1080), upright, 32) for index in range(24)]
    assert [(960, 544) in due for due in every] == [index % 6 == 0 for index in range(24)]
    assert set(every[0]) == {(960, 544), (1920, 1088), (320, 192)}
    assert sum((1920, 1088) in due for due in every) == 1


def test_a_small_frame_is_not_enlarged_and_not_analysed_twice_at_one_size() -> None:
    upright = [scale for scale in VIDEO_SCALES if not scale.direction]
    assert looks_at(0, (640, 360), upright, 32) == (Look(640, 352, 0), Look(320, 192, 0, smallest_face=64))
    assert looks_at(0, (800, 450), upright, 32) == (Look(800, 448, 0), Look(320, 192, 0, smallest_face=64))


def test_of_scales_with_the_same_size_the_one_for_smaller_faces_counts() -> None:
    scales = (DetectionScale(960), DetectionScale(320, smallest_face=64))
    assert looks_at(0, (320, 180), scales, 32) == (Look(320, 192, 0, smallest_face=0),)


def test_an_image_is_analysed_at_every_scale() -> None:
    assert len(looks_at(5, (6000, 4000), IMAGE_SCALES, 32)) == len(IMAGE_SCALES)


@given(st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_analysed_sizes_are_multiples_of_the_stride_and_bounded(size: tuple[int, int]) -> None:
    for width, height in scaled_sizes(0, size, IMAGE_SCALES, 32):
        assert width % 32 == height % 32 == 0
        assert min(width, height) >= 32
        assert max(width, height) <= 3840


@pytest.mark.parametrize("index", range(48))
def test_other_directions_are_looked_in_with_the_periodic_scales(index: int) -> None:
    looks = looks_at(index, (1920, 1080), VIDEO_SCALES, 32)
    turned = {look.direction for look in looks} - {0}
    assert turned == (
        {*QUARTER_TURNS, *DIAGONALS} if index % 24 == 0 else set(QUARTER_TURNS) if index % 6 == 0 else set()
    )
    for look in looks:
        if look.direction:
            assert (look.width, look.height) == (480, 256)
            assert look.min_score == MIN_TURNED_SCORE


def test_images_are_looked_at_in_all_directions_whatever_their_index() -> None:
    for index in (0, 5):
        looks = looks_at(index, (1920, 1080), IMAGE_SCALES, 32)
        assert {look.direction for look in looks} == {0, *QUARTER_TURNS, *DIAGONALS}


def test_small_images_are_enlarged_but_no_further_than_allowed() -> None:
    def largest(size: tuple[int, int]) -> tuple[int, int]:
        return max((look.width, look.height) for look in looks_at(0, size, IMAGE_SCALES, 32))

    assert largest((640, 360)) == (1280, 704)
    assert largest((1600, 900)) == (1920, 1088)
    assert largest((16, 16)) == (32, 32)
    assert largest((3000, 750)) == (3008, 736)


def test_looks_in_different_directions_are_not_the_same_look() -> None:
    scales = (DetectionScale(960), DetectionScale(480, direction=180), DetectionScale(480, direction=90))
    assert [look.direction for look in looks_at(0, (320, 192), scales, 32)] == [0, 180, 90]


def test_looks_that_coincide_accept_what_any_of_them_accepts() -> None:
    scales = (
        DetectionScale(960, direction=90, min_score=0.25, smallest_face=12),
        DetectionScale(480, direction=90, min_score=0.5),
    )
    assert looks_at(0, (320, 192), scales, 32) == (Look(320, 192, 90, smallest_face=0, min_score=0.25),)


def test_turned_scales_do_not_lengthen_the_interval_of_key_frames() -> None:
    assert key_interval(VIDEO_SCALES) == 6
    assert key_interval(video_scales(10.0)) == 2


def test_blocks_end_where_all_scales_apply() -> None:
    assert block_interval(VIDEO_SCALES) == 24
    assert block_interval(video_scales(10.0)) == 8
    assert block_interval((DetectionScale(960, 4), DetectionScale(1920, 6))) == 12


def test_frames_are_checked_without_their_neighbours() -> None:
    checked = [scale for scale in verified_scales(VIDEO_SCALES) if not scale.direction]
    intervals = {scale.longest_side: scale.every for scale in checked}
    assert intervals == {960: 1, 320: 1, 1920: 6, 3840: 6}
    assert all(scale in verified_scales(VIDEO_SCALES) for scale in VIDEO_SCALES if scale.direction)


def test_a_small_image_is_one_tile() -> None:
    (tile,) = tiles(960, 544, 32)
    assert (tile.x, tile.y, tile.width, tile.height) == (0, 0, 960, 544)


@given(sides, sides)
def test_tiles_are_inside_the_image_small_and_of_one_size(width: int, height: int) -> None:
    cut = list(tiles(width, height, 32))
    assert len({(tile.width, tile.height) for tile in cut}) == 1
    for tile in cut:
        assert max(tile.width, tile.height) <= MAX_TILE_PX
        assert tile.width % 32 == tile.height % 32 == 0
        assert tile.x >= 0
        assert tile.y >= 0
        assert tile.x + tile.width <= width
        assert tile.y + tile.height <= height


@given(sides, sides, st.integers(0, 2**31))
def test_every_face_up_to_the_overlap_is_owned_by_the_one_tile_that_contains_it(
    width: int, height: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    size = rng.uniform(1, TILE_OVERLAP_PX - 64, (40, 1))
    corner = rng.uniform(0, 1, (40, 2)) * np.maximum([width, height] - size, 0)
    faces = np.hstack([corner, np.minimum(corner + size, [width, height])])
    owners = np.zeros(40, int)
    for tile in tiles(width, height, 32):
        own = tile.owns(faces)
        owners += own
        inside = np.array([tile.x, tile.y, tile.x + tile.width, tile.y + tile.height])
        assert (faces[own, :2] >= inside[:2]).all()
        assert (faces[own, 2:] <= inside[2:]).all()
    assert (owners == 1).all()


@pytest.mark.parametrize(("width", "count"), [(1024, 1), (1056, 2), (1920, 2), (1952, 3), (3840, 5)])
def test_no_more_tiles_than_needed(width: int, count: int) -> None:
    assert len(list(tiles(width, 32, 32))) == count
