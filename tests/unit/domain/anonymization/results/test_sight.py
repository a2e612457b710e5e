"""Description of the search for faces, derived from the scales in use."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from framecloak.domain.anonymization.detection.scales import (
    DIAGONALS,
    IMAGE_SCALES,
    QUARTER_TURNS,
    VIDEO_SCALES,
    DetectionScale,
)
from framecloak.domain.anonymization.results.sight import (
    SearchedDirections,
    SmallestFaces,
    searched_directions,
    smallest_faces,
)
from framecloak.domain.ports.frames import SourceInfo

INFO = SourceInfo("a.mp4", 1920, 1080, 99, 99, 25.0, 4.0, 0, continuous=True)


def test_directions_are_grouped_by_interval_and_size() -> None:
    scales = (
        DetectionScale(960),
        DetectionScale(320, smallest_face=64),
        DetectionScale(1920, every=6),
        DetectionScale(480, 6, direction=270),
        DetectionScale(480, 6, direction=90),
    )
    assert searched_directions(scales) == (
        SearchedDirections((0,), 1, (320, 960)),
        SearchedDirections((0,), 6, (1920,)),
        SearchedDirections((90, 270), 6, (480,)),
    )


def test_every_direction_of_the_defaults_is_described() -> None:
    for scales in (VIDEO_SCALES, IMAGE_SCALES):
        described = {turn for each in searched_directions(scales) for turn in each.directions}
        assert described == {0, *QUARTER_TURNS, *DIAGONALS}


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((1920, 1080), Fraction(1), SmallestFaces(20, 1, 10, 6, 40)),
        ((3840, 2160), Fraction(1), SmallestFaces(40, 1, 10, 6, 80)),
        ((640, 360), Fraction(1), SmallestFaces(10, 1, 10, 1, 13)),
        ((960, 1080), Fraction(2), SmallestFaces(20, 1, 10, 6, 40)),
    ],
)
def test_the_smallest_face_depends_on_the_size_of_the_frame(
    size: tuple[int, int], aspect: Fraction, expected: SmallestFaces
) -> None:
    scales = (
        DetectionScale(960),
        DetectionScale(1920, 6),
        DetectionScale(3840, 6, smallest_frame=1921),
        DetectionScale(480, 6, direction=90),
    )
    info = replace(INFO, width=size[0], height=size[1], pixel_aspect=aspect)
    assert smallest_faces(scales, info) == expected


def test_enlarged_images_show_smaller_faces() -> None:
    info = replace(INFO, width=640, height=360)
    assert smallest_faces((DetectionScale(640), DetectionScale(1920, max_enlargement=2.0)), info) == (
        SmallestFaces(5, 1, 5, 1, None)
    )


def test_the_defaults_show_smaller_faces_at_intervals_than_in_key_frames() -> None:
    assert smallest_faces(VIDEO_SCALES, INFO) == SmallestFaces(20, 6, 10, 24, 40)
