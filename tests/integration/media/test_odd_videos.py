"""Unusual videos: codecs, timestamps, colours, rotations and containers."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from framecloak.adapters.media.video.source import open_video
from support.samples.media import (
    numbered_frame,
    read_number,
    sequential_frames,
    write_video,
)

STREET = Path(__file__).parents[4] / "shared" / "data" / "street.mp4"
OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"}
PYRAMID = {"x264-params": "b-pyramid=normal:bframes=5:keyint=12:min-keyint=12:b-adapt=0"}
REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}
INTERLACED = {"x264-params": "interlaced=1:keyint=12:bframes=3"}
ALT_REF = {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "4", "b": "200k"}
B_FRAMES = {"g": "12", "bf": "2"}
UNEVEN = np.cumsum(np.random.default_rng(3).integers(10, 90, 40)).tolist()
LATE = [5000 + 40 * number for number in range(40)]
EARLY = [-300 + 40 * number for number in range(40)]
COUNT_THREADS = """
import sys
import threading
from pathlib import Path
from framecloak.adapters.media.video.source import open_video

def threads():
    return len(list(Path("/proc/self/task").iterdir()))

source = open_video(Path(sys.argv[1]), threads=4)
# The file is hashed in a thread, which would end while others are counted.
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join()
before = threads()
frames = source.frames(0, 6)
next(frames)
print(threads() - before, 1 + len(list(frames)))
"""

ODD_VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264.mov": {},
    "h264.mkv": {},
    "h264.ts": {},
    "h264.avi": {},
    "h264.h264": {},
    "faststart.mp4": {"container_options": {"movflags": "faststart"}},
    "fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "negative_offsets.mp4": {"container_options": {"movflags": "negative_cts_offsets"}},
    "uneven.mp4": {"pts": UNEVEN},
    "uneven.mkv": {"pts": UNEVEN},
    "late.mp4": {"pts": LATE},
    "late.mkv": {"pts": LATE},
    "late.ts": {"pts": LATE},
    "trimmed_by_edit_list.mp4": {"pts": EARLY},
    "open_gop.mp4": {"options": OPEN_GOP},
    "open_gop.mkv": {"options": OPEN_GOP},
    "open_gop.ts": {"options": OPEN_GOP},
    "pyramid.mp4": {"options": PYRAMID},
    "intra_refresh.mp4": {"options": REFRESH},
    "interlaced.ts": {"options": INTERLACED},
    "hevc.mp4": {"codec": "libx265"},
    "hevc.mkv": {"codec": "libx265"},
    "mpeg4.mp4": {"codec": "mpeg4", "options": B_FRAMES},
    "mpeg4.avi": {"codec": "mpeg4", "options": B_FRAMES},
    "mpeg2.ts": {"codec": "mpeg2video", "options": B_FRAMES},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": B_FRAMES},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True},
    "hidden_frames.webm": {"codec": "libvpx", "options": ALT_REF},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8", "deadline": "realtime"}},
    "10_bit.mp4": {"pix_fmt": "yuv420p10le"},
    "422.mp4": {"pix_fmt": "yuv422p"},
    "444.mp4": {"pix_fmt": "yuv444p"},
    "gray.mp4": {"pix_fmt": "gray"},
    "full_range.mp4": {"pix_fmt": "yuvj420p", "full_range": True},
    "odd_size.mp4": {"codec": "mpeg4", "size": (641, 361)},
    "odd_size_444.mp4": {"pix_fmt": "yuv444p", "size": (641, 361)},
    "cropped.mp4": {"size": (130, 98)},
}


@pytest.mark.parametrize("name", ODD_VIDEOS)
def test_random_access_equals_decoding_from_the_beginning(name: str, tmp_path: Path) -> None:
    path = write_video(tmp_path / name, **ODD_VIDEOS[name])
    expected = sequential_frames(path)
    source = open_video(path)
    count = source.info.frame_count
    assert count == len(expected)
    for start in range(0, count, 3 if "odd" in name else 1):
        stop = min(start + 3, count)
        frames = list(source.frames(start, stop))
        assert [frame.index for frame in frames] == list(range(start, stop))
        for frame in frames:
            assert np.array_equal(frame.bgr(), expected[frame.index])
    if "trimmed" not in name:
        assert [read_number(image) for image in expected] == list(range(40))


@pytest.mark.parametrize(("name", "rate"), [("steady.mp4", 25.0), ("uneven.mp4", None)])
def test_rate_and_duration_follow_the_timestamps(name: str, rate: float | None, tmp_path: Path) -> None:
    info = open_video(write_video(tmp_path / name, pts=None if rate else UNEVEN)).info
    average = rate or 39 / ((UNEVEN[-1] - UNEVEN[0]) / 1000)
    assert info.frame_rate == pytest.approx(average)
    assert info.duration == pytest.approx(40 / average)


@pytest.mark.skipif(not STREET.exists(), reason="needs the shared footage beside the checkout")
def test_real_footage_is_numbered_as_it_is_decoded() -> None:
    source = open_video(STREET)
    assert (source.info.width, source.info.height) == (1920, 1080)
    assert (source.info.frame_count, source.info.frame_rate, source.info.duration) == (105, 25, 4.2)
    expected = sequential_frames(STREET)
    for start in (0, 1, 50, 102):
        for frame in source.frames(start, start + 3):
            assert np.array_equal(frame.bgr(), expected[frame.index])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("degrees", "turns"), [(0, 0), (90, -1), (180, 2), (270, 1)], ids=["0", "90", "180", "270"]
)
def test_rotation_is_applied(suffix: str, degrees: int, turns: int, tmp_path: Path) -> None:
    path = write_video(tmp_path / f"turned{suffix}", 3, rotation=degrees, size=(128, 64))
    info = open_video(path).info
    assert info.rotation == degrees
    assert (info.width, info.height) == ((64, 128) if turns % 2 else (128, 64))
    (frame,) = open_video(path).frames(2, 3)
    assert (frame.width, frame.height) == (info.width, info.height)
    stored = sequential_frames(path)[2]
    assert np.array_equal(frame.bgr(), np.rot90(stored, turns))
    rgb = frame.rgb(96, 32)
    assert rgb.shape == (32, 96, 3)
    assert read_number(np.ascontiguousarray(np.rot90(rgb, -turns))) == 2


def test_mirroring_is_applied(tmp_path: Path) -> None:
    path = write_video(tmp_path / "mirrored.mp4", 1, mirrored=True)
    (frame,) = open_video(path).frames(0, 1)
    assert np.array_equal(frame.bgr(), sequential_frames(path)[0][:, ::-1])


BT709, BT601 = 1, 6


@pytest.mark.parametrize("colorspace", [BT709, BT601], ids=["bt709", "bt601"])
@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_colours_are_decoded_correctly(
    colorspace: int, *, full_range: bool, pix_fmt: str, tmp_path: Path
) -> None:
    colour = (40, 90, 200)  # BGR
    image = np.full((96, 128, 3), colour, np.uint8)
    path = write_video(
        tmp_path / "colour.mp4",
        images=[image],
        pix_fmt=pix_fmt,
        colorspace=colorspace,
        full_range=full_range,
        options={"crf": "1"},
    )
    (frame,) = open_video(path).frames(0, 1)
    assert np.abs(frame.bgr().astype(int) - colour).max() <= 4
    for size in [(64, 48), (65, 49), (128, 96)]:
        assert np.abs(frame.rgb(*size).astype(int) - colour[::-1]).max() <= 4


def test_vp8_is_decoded_in_the_calling_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", codec="libvpx", count=6, size=(640, 360))
    # In a process of its own: threads of other tests come and go.
    done = subprocess.run(
        [sys.executable, "-c", COUNT_THREADS, str(path)], capture_output=True, check=True, text=True
    )
    assert done.stdout == "0 6\n"


def test_threads_can_share_a_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "shared.mp4", 6, size=(320, 240))
    frames = list(open_video(path).frames(0, 6))
    with ThreadPoolExecutor(8) as pool:
        numbers = pool.map(lambda n: read_number(frames[n % 6].bgr()), range(240))
        smaller = pool.map(lambda n: read_number(frames[n % 6].rgb(64, 64)), range(240))
        assert list(numbers) == list(smaller) == [n % 6 for n in range(240)]


def test_closing_the_iterator_early_closes_the_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "half.mp4")
    source = open_video(path)
    source.sha256()
    frames = source.frames(5, 40)
    assert next(frames).index == 5
    frames.close()
    with pytest.raises(StopIteration):
        next(frames)
    assert not [link for link in Path("/proc/self/fd").iterdir() if _points_to(link, path)]


def _points_to(link: Path, path: Path) -> bool:
    try:
        return link.readlink() == path
    except FileNotFoundError:
        return False


def test_further_video_tracks_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "views.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(3)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(5):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(numbered_frame(number), "bgr24")
                frame.pts = number
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    source = open_video(path)
    assert source.info.dropped_video_tracks == 2
    assert [read_number(frame.bgr()) for frame in source.frames(0, 5)] == list(range(5))
    assert open_video(write_video(tmp_path / "one.mp4", 2)).info.dropped_video_tracks == 0
