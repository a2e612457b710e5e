"""Damaged and truncated videos, and files that are not videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import (
    EmptyFileError,
    FrameAnalysisError,
    ImageTooLargeError,
    InputNotFoundError,
    NoFramesError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from framecloak.domain.ports.frames import Frame
from support.samples.media import (
    overwrite,
    read_number,
    truncate,
    write_cover_art,
    write_empty_mp4,
    write_sound,
    write_video,
)


def _state(frames: Iterator[Frame]) -> str:
    """Return one letter a frame: ``.`` has its own number, ``x`` has no pixels, ``!`` has another number."""
    state = ""
    for frame in frames:
        try:
            state += "." if read_number(frame.bgr()) == frame.index else "!"
        except FrameAnalysisError:
            with pytest.raises(FrameAnalysisError):
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
def test_damage_loses_frames_of_its_group_and_shifts_none(
    name: str, codec: str, threads: int, tmp_path: Path
) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, 48, codec=codec, pix_fmt=pix_fmt, size=(320, 240))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    damaged = packets[17]
    assert damaged.pos is not None
    overwrite(path, damaged.pos + 8, damaged.size - 8)
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
def test_a_truncated_video_reports_its_readable_frames(
    name: str, options: dict[str, Any], share: float, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, size=(320, 240), **options)
    truncate(path, share)
    source = open_video(path)
    with pytest.raises(TruncatedVideoError, match=r"is cut off: \d+ of") as caught:
        source.frames(0, source.info.frame_count)
    readable = source.info.readable_frames
    assert caught.value.hint.endswith(f"--segments 0:{readable}")
    assert 4 <= readable < source.info.frame_count
    assert f"{readable} of {source.info.frame_count} frames" in caught.value.message
    assert _state(source.frames(0, readable)) == "." * readable
    with pytest.raises(TruncatedVideoError):
        source.frames(readable, readable + 1)


def test_an_mp4_cut_before_its_index_is_truncated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4")
    truncate(path, 0.6)
    with pytest.raises(TruncatedVideoError, match="before its list of frames"):
        open_video(path)


def test_an_mp4_cut_inside_its_index_is_truncated(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.mp4", container_options={"movflags": "faststart"})
    truncate(path, 0.05)
    with pytest.raises(TruncatedVideoError, match="cut off"):
        open_video(path)


def _text(path: Path) -> None:
    path.write_text("Dear diary, today nothing was filmed.\n" * 200)


def _garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def _unknown_codec(path: Path) -> None:
    write_video(path, 3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))


NON_VIDEOS = {
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


@pytest.mark.parametrize("kind", NON_VIDEOS)
def test_a_file_that_is_not_a_video_is_refused_with_its_reason(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make, error = NON_VIDEOS[kind]
    path = tmp_path / "input.mp4"
    make(path)
    with pytest.raises(error) as caught:
        open_video(path)
    assert type(caught.value) is error
    assert "input.mp4" in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_wav_file_has_no_video_stream(tmp_path: Path) -> None:
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
def test_a_playlist_cannot_open_another_file(text: str, tmp_path: Path) -> None:
    target = write_video(tmp_path / "secret.ts", 3)
    path = tmp_path / "playlist.mp4"
    path.write_text(text.format(target=target))
    os.utime(target, (1, 1))
    with pytest.raises(UnreadableVideoError):
        open_video(path)
    assert target.stat().st_atime == 1


def test_a_filename_like_a_protocol_is_a_filename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "plain.mp4", 3).rename(tmp_path / "concat:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert open_video(Path("concat:a.mp4")).info.frame_count == 3


def test_frames_of_absurd_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 12000, 9000, "monob"
        black = av.VideoFrame(12000, 9000, "monob")
        black.planes[0].update(bytes(black.planes[0].buffer_size))
        container.mux(stream.encode(black))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ImageTooLargeError, match="12000x9000 pixels"):
        open_video(path)


def test_damage_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_video(tmp_path / "damaged.mp4", size=(320, 240))
    capfd.readouterr()
    overwrite(path, path.stat().st_size // 3, 2000)
    _state(open_video(path).frames(0, 40))
    assert capfd.readouterr() == ("", "")


def test_a_vanished_file_is_reported(tmp_path: Path) -> None:
    path = write_video(tmp_path / "gone.mp4", 3)
    source = open_video(path)
    source.sha256()
    path.unlink()
    with pytest.raises(InputNotFoundError, match=r"gone\.mp4"):
        list(source.frames(0, 3))
