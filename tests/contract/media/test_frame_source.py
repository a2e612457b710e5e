"""Contract of every source of frames: the fake, videos and still images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fakes.media import VIDEO_SHA256, FakeSource
from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.anonymization.detection.display_shape import ReshapedSource
from framecloak.domain.errors import InvalidSegmentError
from framecloak.domain.imaging.pixel_aspect import AspectOrigin
from framecloak.domain.ports.frames import FrameSource, SourceInfo
from support.samples.media import numbered_frame, read_number, write_image, write_video

COUNT = 30


@dataclass(frozen=True)
class Sample:
    source: FrameSource
    sha256: str


def _fake(_: Path) -> Sample:
    return Sample(FakeSource("film.mp4", COUNT, numbered_frame), VIDEO_SHA256)


def _video(suffix: str, codec: str = "libx264") -> Callable[[Path], Sample]:
    def make(folder: Path) -> Sample:
        path = write_video(folder / f"sample{suffix}", COUNT, codec=codec)
        return Sample(open_video(path), hashlib.sha256(path.read_bytes()).hexdigest())

    return make


def _image(folder: Path) -> Sample:
    path = write_image(folder / "sample.png", numbered_frame(0))
    return Sample(open_image(path), hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(
    params=[
        pytest.param(_fake, id="fake"),
        pytest.param(_video(".mp4"), id="mp4"),
        pytest.param(_video(".mkv"), id="mkv"),
        pytest.param(_video(".h264"), id="raw"),
        pytest.param(_video(".avi", "mpeg4"), id="avi"),
        pytest.param(_image, id="image"),
    ]
)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    make: Callable[[Path], Sample] = request.param
    return make(tmp_path)


def test_info_describes_the_frames(sample: Sample) -> None:
    info = sample.source.info
    assert (info.width, info.height, info.rotation) == (128, 96, 0)
    assert info.frame_count == (COUNT if info.continuous else 1)
    assert info.frame_rate == (25.0 if info.continuous else 0.0)
    assert info.duration == pytest.approx(COUNT / 25 if info.continuous else 0.0)


def test_every_frame_comes_once_in_order_with_its_own_pixels(sample: Sample) -> None:
    count = sample.source.info.frame_count
    frames = list(sample.source.frames(0, count))
    assert [frame.index for frame in frames] == list(range(count))
    assert [read_number(frame.bgr()) for frame in frames] == list(range(count))


def test_any_segment_has_exactly_its_frames(sample: Sample) -> None:
    count = sample.source.info.frame_count
    for start in range(count):
        stop = min(start + 3, count)
        frames = list(sample.source.frames(start, stop))
        assert [frame.index for frame in frames] == list(range(start, stop))
        assert [read_number(frame.bgr()) for frame in frames] == list(range(start, stop))


def test_an_empty_segment_has_no_frames(sample: Sample) -> None:
    assert list(sample.source.frames(1, 1)) == []


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, COUNT + 1), (1, 0)])
def test_a_segment_out_of_range_is_refused_at_once(sample: Sample, start: int, stop: int) -> None:
    with pytest.raises(InvalidSegmentError):
        sample.source.frames(start, stop)


def test_pixels_are_fresh_contiguous_arrays_of_the_caller(sample: Sample) -> None:
    (frame,) = sample.source.frames(0, 1)
    first = frame.bgr()
    assert first.shape == (frame.height, frame.width, 3)
    assert first.dtype == np.uint8
    assert first.flags.c_contiguous
    first[:] = 255
    assert read_number(frame.bgr()) == 0


@pytest.mark.parametrize(("width", "height"), [(64, 32), (96, 96), (256, 192), (33, 17)])
def test_rgb_is_the_whole_image_resized(sample: Sample, width: int, height: int) -> None:
    count = sample.source.info.frame_count
    (frame,) = sample.source.frames(count - 1, count)
    rgb = frame.rgb(width, height)
    assert rgb.shape == (height, width, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert read_number(rgb) == count - 1


@pytest.mark.parametrize("part", [(0, 0, 128, 96), (0, 0, 32, 32), (37, 21, 40, 30), (101, 65, 27, 31)])
def test_a_part_shows_what_the_whole_frame_shows_there(
    sample: Sample, part: tuple[int, int, int, int]
) -> None:
    left, top, width, height = part
    (frame,) = sample.source.frames(0, 1)
    cut = frame.rgb_part(*part)
    assert cut.shape == (height, width, 3)
    assert cut.dtype == np.uint8
    assert cut.flags.c_contiguous
    whole = frame.bgr()[top : top + height, left : left + width, ::-1]
    assert np.abs(cut.astype(int) - whole).mean() < 3


def test_frames_outlive_their_iterator(sample: Sample) -> None:
    frames = sample.source.frames(0, sample.source.info.frame_count)
    first = next(frames)
    frames.close()
    assert first.nbytes >= 128 * 96
    assert read_number(first.bgr()) == 0


def test_two_readers_are_independent(sample: Sample) -> None:
    count = sample.source.info.frame_count
    pairs = zip(sample.source.frames(0, count), sample.source.frames(0, count), strict=True)
    for number, (first, second) in enumerate(pairs):
        assert read_number(first.bgr()) == read_number(second.bgr()) == number


def test_sha256_is_that_of_the_bytes(sample: Sample) -> None:
    assert sample.source.sha256() == sample.sha256
    assert sample.source.sha256() == sample.sha256


def test_square_pixels_are_looked_at_as_they_are_stored(sample: Sample) -> None:
    info = sample.source.info
    assert (info.pixel_aspect, info.aspect_origin) == (1, AspectOrigin.SQUARE)
    (frame,) = sample.source.frames(0, 1)
    assert frame.display_size == (frame.width, frame.height)


@pytest.fixture(params=["fake", ".mp4", ".mkv", ".h264", ".ts", ".avi", "option"])
def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> FrameSource:
    """Return a video whose pixels are 24:11."""
    aspect = Fraction(24, 11)
    if request.param == "fake":
        return FakeSource("film.mp4", COUNT, numbered_frame, pixel_aspect=aspect)
    if request.param == "option":
        return ReshapedSource(FakeSource("film.mp4", COUNT, numbered_frame), aspect)
    return open_video(write_video(tmp_path / f"sample{request.param}", COUNT, pixel_aspect=aspect))


def test_narrow_pixels_are_looked_at_wider_and_stored_as_they_are(narrow: FrameSource) -> None:
    info = narrow.info
    assert (info.width, info.height, info.pixel_aspect) == (128, 96, Fraction(24, 11))
    assert info.aspect_origin is not AspectOrigin.SQUARE
    assert SourceInfo.from_row(json.loads(json.dumps(info.to_row()))) == info
    frames = list(narrow.frames(3, COUNT))
    assert {(frame.width, frame.height) for frame in frames} == {(128, 96)}
    assert {frame.display_size for frame in frames} == {(279, 96)}
    assert frames[0].bgr().shape == (96, 128, 3)
    assert frames[0].rgb(279, 96).shape == (96, 279, 3)
    assert [read_number(frame.bgr()) for frame in frames] == list(range(3, COUNT))
