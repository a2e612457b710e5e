"""Contract of every video prober, and the open-video cache."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes.media import NOT_A_VIDEO, FakeVideoProber
from framecloak.adapters.media.video.container import open_container
from framecloak.adapters.media.video.probing import FrameTimes, OpenVideoCache, PyAvProber, keyframe_numbers
from framecloak.domain.errors import (
    FrameNotFoundError,
    ImageTooLargeError,
    InputNotFoundError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.video import VideoProber
from support.samples.media import read_number, write_video


@pytest.fixture(params=["fake", "pyav"])
def prober(request: pytest.FixtureRequest) -> VideoProber:
    return FakeVideoProber() if request.param == "fake" else PyAvProber()


def decoded(jpeg: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_a_frame_outside_the_video_is_not_found(prober: VideoProber, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 20)
    probed = prober.probe(path)
    assert probed.frame_count > 0
    assert probed.duration == pytest.approx(probed.frame_count / probed.frame_rate)
    assert prober.frame_jpeg(path, probed.frame_count - 1, None)[:2] == b"\xff\xd8"
    for index in (-1, probed.frame_count, 10**18):
        with pytest.raises(FrameNotFoundError):
            prober.frame_jpeg(path, index, None)


def test_a_filmstrip_of_a_frame_outside_the_video_is_not_found(prober: VideoProber, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 20)
    assert prober.filmstrip_jpeg(path, [0, prober.probe(path).frame_count - 1], [], 48)[:2] == b"\xff\xd8"
    with pytest.raises(FrameNotFoundError):
        prober.filmstrip_jpeg(path, [0, 10**18], [], 48)


@pytest.mark.parametrize("content", [NOT_A_VIDEO, b"#EXTM3U\nhttp://127.0.0.1/x.ts\n"])
def test_a_file_that_is_not_a_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(UnreadableVideoError):
        PyAvProber().probe(path)
    with pytest.raises(InputNotFoundError):
        PyAvProber().probe(tmp_path / "nothing")


def test_the_fake_refuses_a_marked_non_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(NOT_A_VIDEO)
    with pytest.raises(UnreadableVideoError):
        FakeVideoProber().probe(path)
    with pytest.raises(ImageTooLargeError):
        FakeVideoProber(error=ImageTooLargeError("too large")).probe(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_facts_of_a_video_are_read(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a{suffix}", 40, options={"g": "12", "bf": "2"})
    probed = PyAvProber().probe(path)
    assert (probed.width, probed.height, probed.frame_count, probed.rotation) == (128, 96, 40, 0)
    assert probed.frame_rate == pytest.approx(25, rel=0.01)
    times = FrameTimes.from_bytes(probed.frame_index)
    assert len(times.pts) == 40
    seconds = (times.pts - times.pts[0]) * float(times.time_base)
    assert np.allclose(seconds, np.arange(40) / 25, atol=0.002)
    assert np.flatnonzero(times.keyframe).tolist() == [0, 12, 24, 36]
    assert len(probed.frame_index) < 40 * 5


def test_frame_previews_are_the_right_frames_upright_and_resized(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 30)
    prober = PyAvProber()
    for index in (0, 7, 29):
        full = decoded(prober.frame_jpeg(path, index, None))
        small = decoded(prober.frame_jpeg(path, index, 64))
        assert full.shape == (96, 128, 3)
        assert small.shape == (48, 64, 3)
        assert read_number(full) == read_number(small) == index
    assert decoded(prober.frame_jpeg(path, 0, 5000)).shape == (96, 128, 3)
    rotated = write_video(tmp_path / "turned.mp4", 3, rotation=90)
    assert prober.probe(rotated).rotation == 90
    assert decoded(prober.frame_jpeg(rotated, 0, 48)).shape == (64, 48, 3)


def test_a_filmstrip_has_the_frames_side_by_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 30, options={"g": "12"})
    frames = [0, 7, 12, 12, 19, 29]
    for keyframes in ([0, 12, 24], []):
        strip = decoded(PyAvProber().filmstrip_jpeg(path, frames, keyframes, 48))
        assert strip.shape == (48, len(frames) * 64, 3)
        shown = [read_number(strip[:, place * 64 : (place + 1) * 64]) for place in range(len(frames))]
        assert shown == frames
    portrait = write_video(tmp_path / "turned.mp4", 3, rotation=90)
    assert decoded(PyAvProber().filmstrip_jpeg(portrait, [1], [], 48)).shape == (48, 48, 3)
    wide = write_video(tmp_path / "wide.mp4", 3, size=(640, 64))
    assert decoded(PyAvProber().filmstrip_jpeg(wide, [1, 2], [0], 48)).shape == (48, 2 * 192, 3)


def test_a_replaced_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    prober = PyAvProber()
    write_video(path, 10)
    assert prober.probe(path).frame_count == 10
    write_video(tmp_path / "b.mp4", 20).replace(path)
    assert prober.probe(path).frame_count == 20


def test_a_truncated_video_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 40, container_options={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(TruncatedVideoError):
        PyAvProber().probe(path)


def test_frames_without_timestamps_have_no_index(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", 12)
    probed = PyAvProber().probe(path)
    assert probed.frame_count == 12
    assert probed.frame_index == b"" or len(FrameTimes.from_bytes(probed.frame_index).pts) == 12


def test_frame_times_survive_serialization() -> None:
    pts = np.array([-40, 0, 40, 1 << 40], np.int64)
    keyframe = np.array([True, False, False, True])
    stored = FrameTimes.from_bytes(FrameTimes(Fraction(1001, 30000), pts, keyframe).to_bytes())
    assert stored.time_base == Fraction(1001, 30000)
    assert stored.pts.tolist() == pts.tolist()
    assert stored.keyframe.tolist() == keyframe.tolist()
    for broken in (b"", b"x" * 40, b"FCI1"):
        with pytest.raises(ValueError, match="not a frame index"):
            FrameTimes.from_bytes(broken)


def test_keyframes_are_read_from_the_frame_index(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 40)
    index = PyAvProber().probe(path).frame_index
    with closing(open_container(path)) as container:
        flags = [frame.key_frame for frame in container.decode(video=0)]
    assert [*keyframe_numbers(index)] == [number for number, is_key in enumerate(flags) if is_key]
    assert keyframe_numbers(index)[0] == 0
    assert [*keyframe_numbers(b"")] == []


def test_the_cache_holds_fewer_long_videos(tmp_path: Path) -> None:
    paths = [write_video(tmp_path / f"{number}.mp4", 12) for number in range(3)]
    cache = OpenVideoCache(max_frames=30)
    first, second = cache.open(paths[0]), cache.open(paths[1])
    assert cache.open(paths[0]) is first
    cache.open(paths[2])
    assert cache.open(paths[0]) is first
    assert cache.open(paths[1]) is not second
    alone = OpenVideoCache(max_frames=10)
    assert alone.open(paths[0]) is alone.open(paths[0])


def test_the_cache_keeps_a_video_open_until_its_file_is_replaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    cache = OpenVideoCache()
    first = cache.open(path)
    assert cache.open(path) is first
    path.unlink()
    write_video(path, 7)
    assert cache.open(path).info.frame_count == 7
    path.unlink()
    with pytest.raises(InputNotFoundError):
        cache.open(path)
