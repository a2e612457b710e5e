"""Pixel aspects that real files declare, in containers and bitstreams, with rotations and changes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framecloak.adapters.media.video.mp4_boxes import set_display_size
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.imaging.pixel_aspect import AspectOrigin
from support.samples.media import SIZE, write_video

COUNT = 30


def display_sizes(path: Path, start: int = 0, stop: int | None = None) -> list[tuple[int, int]]:
    source = open_video(path)
    frames = source.frames(start, source.info.frame_count if stop is None else stop)
    return [frame.display_size for frame in frames]


@pytest.mark.parametrize(
    ("rotation", "size", "aspect", "displayed"),
    [
        (0, (128, 96), Fraction(1, 2), (128, 192)),
        (90, (96, 128), Fraction(2), (192, 128)),
        (180, (128, 96), Fraction(1, 2), (128, 192)),
        (270, (96, 128), Fraction(2), (192, 128)),
    ],
)
def test_a_quarter_turn_inverts_the_pixel_aspect(
    tmp_path: Path, rotation: int, size: tuple[int, int], aspect: Fraction, displayed: tuple[int, int]
) -> None:
    path = write_video(tmp_path / "a.mp4", 5, rotation=rotation, pixel_aspect=Fraction(1, 2))
    info = open_video(path).info
    assert (info.rotation, (info.width, info.height), info.pixel_aspect) == (rotation, size, aspect)
    assert set(display_sizes(path)) == {displayed}


@pytest.mark.parametrize("rotation", [37, 45, 323])
def test_a_rotation_between_quarter_turns_leaves_frames_as_stored(tmp_path: Path, rotation: int) -> None:
    path = write_video(tmp_path / "a.mp4", 5, rotation=rotation)
    info = open_video(path).info
    assert (info.rotation, (info.width, info.height)) == (0, SIZE)
    assert set(display_sizes(path)) == {SIZE}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".h264"])
@pytest.mark.parametrize("aspect", [Fraction(1, 10), Fraction(10), Fraction(401, 100)])
def test_an_implausible_aspect_counts_as_square(tmp_path: Path, suffix: str, aspect: Fraction) -> None:
    path = write_video(tmp_path / f"a{suffix}", 5, pixel_aspect=aspect)
    info = open_video(path).info
    assert (info.pixel_aspect, info.aspect_origin) == (1, AspectOrigin.IMPLAUSIBLE)
    assert set(display_sizes(path)) == {SIZE}


def test_the_container_wins_over_the_bitstream(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", COUNT, pixel_aspect=Fraction(3, 2))
    # The header of the track says 2:1, and the box that repeats the bitstream's aspect is skipped.
    path.write_bytes(path.read_bytes().replace(b"pasp", b"free"))
    set_display_size(path, (256, 96))
    info = open_video(path).info
    assert (info.pixel_aspect, info.aspect_origin) == (2, AspectOrigin.DECLARED)
    assert set(display_sizes(path)) == {(256, 96)}


def test_a_display_size_is_what_libav_reads_as_the_shape(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    set_display_size(path, (1 << 20, 96))  # more than the field can hold
    assert (0xFFFF0000 << 32 | 96 << 16).to_bytes(8, "big") in path.read_bytes()
    set_display_size(path, (128, 192))
    assert open_video(path).info.pixel_aspect == Fraction(1, 2)


@pytest.mark.parametrize("square_first", [True, False])
def test_an_aspect_that_changes_on_the_way_applies_from_its_keyframe(
    tmp_path: Path, *, square_first: bool
) -> None:
    parts = [
        write_video(tmp_path / "wide.h264", COUNT, pixel_aspect=Fraction(2)),
        write_video(tmp_path / "square.h264", COUNT),
    ]
    parts = parts[::-1] if square_first else parts
    path = tmp_path / "joined.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    expected = [(256, 96)] * COUNT + [SIZE] * COUNT
    expected = expected[COUNT:] + expected[:COUNT] if square_first else expected
    whole = display_sizes(path)
    assert whole == expected
    for start in (1, COUNT - 3, COUNT, COUNT + 7):
        assert display_sizes(path, start, start + 5) == whole[start : start + 5]


@pytest.mark.parametrize(("size", "count"), [((16, 16), 3), ((512, 128), 3), ((128, 96), 1)])
def test_tiny_wide_and_short_videos_have_their_own_shape(
    tmp_path: Path, size: tuple[int, int], count: int
) -> None:
    images = (np.full((size[1], size[0], 3), 99, np.uint8) for _ in range(count))
    path = write_video(tmp_path / "a.mp4", size=size, images=images)
    assert display_sizes(path) == [size] * count
