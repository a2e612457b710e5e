"""Videos as they come: other codecs, clocks, colours and containers, damaged ones, and no videos at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from adapters.media.pyav import open_video
from domain.errors import (
    DomainError,
    EmptyFileError,
    ExaminationError,
    ImageTooLargeError,
    InputNotFoundError,
    NoFramesError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from domain.ports import Frame
from media_samples import (
    cut,
    overwrite,
    read_number,
    sequential_frames,
    write_cover_art,
    write_empty_mp4,
    write_sound,
    write_video,
)

STREET = Path(__file__).parents[3] / "shared" / "data" / "street.mp4"
OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0"}
PYRAMID = {"x264-params": "b-pyramid=normal:bframes=5:keyint=12:min-keyint=12:b-adapt=0"}
REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}
INTERLACED = {"x264-params": "interlaced=1:keyint=12:bframes=3"}
ALT_REF = {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "4", "b": "200k"}
B_FRAMES = {"g": "12", "bf": "2"}
UNEVEN = np.cumsum(np.random.default_rng(3).integers(10, 90, 40)).tolist()
LATE = [5000 + 40 * number for number in range(40)]
EARLY = [-300 + 40 * number for number in range(40)]

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
        assert [read_number(picture) for picture in expected] == list(range(40))


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
def test_colours_survive(colorspace: int, *, full_range: bool, pix_fmt: str, tmp_path: Path) -> None:
    colour = (40, 90, 200)  # BGR
    picture = np.full((96, 128, 3), colour, np.uint8)
    path = write_video(
        tmp_path / "colour.mp4",
        pictures=[picture],
        pix_fmt=pix_fmt,
        colorspace=colorspace,
        full_range=full_range,
        options={"crf": "1"},
    )
    (frame,) = open_video(path).frames(0, 1)
    assert np.abs(frame.bgr().astype(int) - colour).max() <= 4
    for size in [(64, 48), (65, 49), (128, 96)]:
        assert np.abs(frame.rgb(*size).astype(int) - colour[::-1]).max() <= 4


def _state(frames: Iterator[Frame]) -> str:
    """One letter a frame: ``.`` shows its own number, ``x`` gives no pixels, ``!`` shows another one."""
    state = ""
    for frame in frames:
        try:
            state += "." if read_number(frame.bgr()) == frame.index else "!"
        except ExaminationError:
            with pytest.raises(ExaminationError):
                frame.rgb(64, 64)
            state += "x"
    return state


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("h264.mp4", "libx264"),
        ("hevc.mp4", "libx265"),
        ("mpeg4.mp4", "mpeg4"),
        ("mjpeg.mov", "mjpeg"),
        ("mpeg4.avi", "mpeg4"),
    ],
)
def test_damage_costs_frames_of_its_group_and_shifts_none(
    name: str, codec: str, threads: int, tmp_path: Path
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, 48, codec=codec, pix_fmt=pix_fmt, size=(320, 240))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    hit = packets[17]
    assert hit.pos is not None
    overwrite(path, hit.pos + 8, hit.size - 8)
    source = open_video(path, threads=threads)
    assert source.info.frame_count == 48
    state = _state(source.frames(0, 48))
    assert "x" in state
    assert "!" not in state
    assert state[:8] == "." * 8
    assert state[-8:] == "." * 8
    for start in range(0, 45, 4):
        assert "!" not in _state(source.frames(start, start + 3))


def test_frames_after_a_lost_one_are_not_trusted_before_the_next_keyframe(tmp_path: Path) -> None:
    path = write_video(tmp_path / "lost.mp4", 36, options={"g": "12", "bf": "0", "sc_threshold": "0"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert packets[15].pos is not None
    overwrite(path, packets[15].pos, packets[15].size)
    assert _state(open_video(path, threads=1).frames(0, 36)) == "." * 15 + "x" * 9 + "." * 12


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cut.mp4", {"container_options": {"movflags": "faststart"}}),
        ("cut.mkv", {}),
        ("cut.webm", {"codec": "libvpx-vp9", "options": {"g": "12", "deadline": "realtime"}}),
        ("cut_pts.avi", {"codec": "mpeg4", "options": {"g": "12", "bf": "0"}}),
        ("cut_fragments.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    ],
)
@pytest.mark.parametrize("share", [0.95, 0.7])
def test_a_truncated_video_says_how_much_can_be_read(
    name: str, options: dict[str, Any], share: float, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, size=(320, 240), **options)
    cut(path, share)
    source = open_video(path)
    with pytest.raises(TruncatedVideoError, match=r"is cut off: \d+ of") as caught:
        source.frames(0, source.info.frame_count)
    readable = int(caught.value.hint.rpartition(":")[2])
    assert 4 <= readable < source.info.frame_count
    assert f"{readable} of {source.info.frame_count} frames" in caught.value.message
    assert _state(source.frames(0, readable)) == "." * readable
    with pytest.raises(TruncatedVideoError):
        source.frames(readable, readable + 1)


def test_an_mp4_cut_before_its_index_is_truncated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4")
    cut(path, 0.6)
    with pytest.raises(TruncatedVideoError, match="before its list of frames"):
        open_video(path)


def test_an_mp4_cut_inside_its_index_is_truncated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4", container_options={"movflags": "faststart"})
    cut(path, 0.05)
    with pytest.raises(TruncatedVideoError, match="cut off"):
        open_video(path)


def _text(path: Path) -> None:
    path.write_text("Dear diary, today nothing was filmed.\n" * 200)


def _garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def _unknown_codec(path: Path) -> None:
    write_video(path, 3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


NO_VIDEOS = {
    "empty": (lambda path: path.write_bytes(b""), EmptyFileError),
    "text": (_text, UnreadableVideoError),
    "garbage": (_garbage, UnreadableVideoError),
    "unknown codec": (_unknown_codec, UnreadableVideoError),
    "missing": (lambda _: None, InputNotFoundError),
    "folder": (lambda path: path.mkdir(), InputNotFoundError),
    "sound": (lambda path: write_sound(path, "aac"), NoVideoStreamError),
    "sound with cover art": (write_cover_art, NoVideoStreamError),
    "no frames": (write_empty_mp4, NoFramesError),
}


@pytest.mark.parametrize("kind", NO_VIDEOS)
def test_what_is_no_video_is_named_for_what_it_is(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, error = NO_VIDEOS[kind]
    path = tmp_path / "input.mp4"
    make(path)
    with pytest.raises(error) as caught:
        open_video(path)
    assert type(caught.value) is error
    assert "input.mp4" in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_wav_holds_no_video(tmp_path: Path) -> None:
    with pytest.raises(NoVideoStreamError):
        open_video(write_sound(tmp_path / "sound.wav", "pcm_s16le"))


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {target}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    ],
    ids=["playlist", "concat", "network"],
)
def test_a_file_cannot_make_us_open_another_one(text: str, tmp_path: Path) -> None:
    target = write_video(tmp_path / "secret.ts", 3)
    path = tmp_path / "playlist.mp4"
    path.write_text(text.format(target=target))
    os.utime(target, (1, 1))
    with pytest.raises(UnreadableVideoError):
        open_video(path)
    assert target.stat().st_atime == 1


def test_a_name_that_looks_like_a_protocol_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "plain.mp4", 3).rename(tmp_path / "concat:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert open_video(Path("concat:a.mp4")).info.frame_count == 3


def test_frames_of_absurd_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 12000, 9000, "monob"
        container.mux(stream.encode(av.VideoFrame(12000, 9000, "monob")))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ImageTooLargeError, match="12000x9000 pixels"):
        open_video(path)


def test_damage_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "damaged.mp4", size=(320, 240))
    capfd.readouterr()
    overwrite(path, path.stat().st_size // 3, 2000)
    _state(open_video(path).frames(0, 40))
    assert capfd.readouterr() == ("", "")


def test_one_frame_may_be_read_by_several_threads(tmp_path: Path) -> None:
    path = write_video(tmp_path / "shared.mp4", 6, size=(320, 240))
    frames = list(open_video(path).frames(0, 6))
    with ThreadPoolExecutor(8) as pool:
        numbers = pool.map(lambda n: read_number(frames[n % 6].bgr()), range(240))
        smaller = pool.map(lambda n: read_number(frames[n % 6].rgb(64, 64)), range(240))
        assert list(numbers) == list(smaller) == [n % 6 for n in range(240)]


def test_closing_half_way_frees_the_file(tmp_path: Path) -> None:
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


def test_a_vanished_file_is_said_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "gone.mp4", 3)
    source = open_video(path)
    source.sha256()
    path.unlink()
    with pytest.raises(DomainError):
        list(source.frames(0, 3))
