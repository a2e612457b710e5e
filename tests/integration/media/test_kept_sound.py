"""Sound of videos in results: every codec in every container, on clocks that wrap, jump and fall."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from fakes.speech import FakeSpeechDetector
from framecloak.adapters.media.video.encoding.h264 import MP4_AUDIO_CODECS
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.source import VideoSource, open_video
from framecloak.domain.errors import InvalidFormatError, SoundLostError
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.video import VideoFormat
from support.formats.codecs import SOUND_CODECS, VIDEO_CODECS
from support.formats.containers import CONTAINERS, Container
from support.formats.ffmpeg import needs_ffmpeg, shown_by_ffmpeg
from support.samples.beeps import FRAME_RATE, beep_times, write_beeping_video
from support.samples.media import write_video

FORMAT = VideoFormat(64, 48, Fraction(FRAME_RATE), 50)
MAX_OFFSET_SECONDS = 0.03
WRAP_SECONDS = 2**33 / 90000
SOUNDS = [
    pytest.param(
        container, codec, id=f"{container.suffix}-{codec}", marks=[pytest.mark.formats] if place else []
    )
    for container in CONTAINERS
    for place, codec in enumerate(container.sound)
]


def kept(folder: Path, source: VideoSource, start: int, stop: int, sound: Sound | None = None) -> Path:
    """Write black frames with the sound of some frames of a source."""
    encoder = X264VideoEncoder(folder, FakeSpeechDetector(math.inf))
    group = encoder.group_encoder(FORMAT)
    for _ in range(start, stop):
        group.add(bytes(64 * 48 * 3 // 2))
    writer = encoder.writer(FORMAT, source.timing(start, stop), sound or source.sound)
    result = folder / "kept.mp4"
    try:
        writer.add(group.finish())
        result.write_bytes(b"".join(writer.finish()))
    finally:
        writer.discard()
    return result


def assert_beeps_with_frames(
    folder: Path, source: VideoSource, start: int, stop: int, sound: Sound | None = None
) -> None:
    """Compare the beeps of a result with the frames that are half a second after a full one in the source."""
    begin, end = source.timing(start, stop).interval_seconds
    zero = source.timing(0, 1).interval_seconds[0]
    expected = [
        float(half / 2 - (begin - zero))
        for half in map(Fraction, range(1, 200, 2))
        if begin - zero <= half / 2 < end - zero - Fraction(1, 10)
    ]
    assert beep_times(kept(folder, source, start, stop, sound)) == pytest.approx(
        expected, abs=MAX_OFFSET_SECONDS
    )


def write_sounding(folder: Path, container: Container, codec: str) -> Path:
    path = folder / f"a.{container.suffix}"
    frames = VIDEO_CODECS[container.video[0]].encoder
    return write_beeping_video(
        path, SOUND_CODECS[codec].encoder, video_codec=frames, format_name=container.format
    )


def parts(source: VideoSource) -> tuple[tuple[int, int], ...]:
    """Return the ranges of frames whose sound is compared."""
    return (0, source.info.frame_count), (30, 80), (65, source.info.frame_count)


@pytest.mark.parametrize(("container", "codec"), SOUNDS)
def test_sound_keeps_its_time_in_every_container(tmp_path: Path, container: Container, codec: str) -> None:
    source = open_video(write_sounding(tmp_path, container, codec))
    assert source.sound is not None
    assert source.sound.codec == dict(container.taken_for).get(codec, codec)
    if source.sound.codec in MP4_AUDIO_CODECS:
        X264VideoEncoder().require_supported(FORMAT, source.sound)
        for start, stop in parts(source):
            assert_beeps_with_frames(tmp_path, source, start, stop)
    else:
        with pytest.raises(InvalidFormatError, match=codec):
            X264VideoEncoder().require_supported(FORMAT, source.sound)
    encoded_again = replace(source.sound, mute_speech=True)
    assert_beeps_with_frames(tmp_path, source, 30, 80, encoded_again)


@needs_ffmpeg
@pytest.mark.parametrize(("container", "codec"), SOUNDS)
def test_sound_is_that_of_ffmpeg(tmp_path: Path, container: Container, codec: str) -> None:
    path = write_sounding(tmp_path, container, codec)
    source = open_video(path)
    assert source.sound is not None
    sound = source.sound
    if sound.codec not in MP4_AUDIO_CODECS:
        sound = replace(sound, mute_speech=True)
    beeps = beep_times(kept(tmp_path, source, 0, source.info.frame_count, sound))
    expected = shown_by_ffmpeg(path, tmp_path).beeps
    assert beeps == pytest.approx(expected, abs=MAX_OFFSET_SECONDS)


@pytest.mark.parametrize("to_wrap", [0.0, 0.5, 1.44, 2.5, 3.96, 59, -0.01])
def test_a_clock_that_wraps_loses_no_sound(tmp_path: Path, to_wrap: float) -> None:
    """The clock of a transport stream starts over ``to_wrap`` seconds after the first frame."""
    path = write_beeping_video(
        tmp_path / "a.ts", "aac", video_codec="libx264", start_seconds=round(WRAP_SECONDS - to_wrap, 2)
    )
    source = open_video(path)
    for start, stop in ((0, 100), (30, 80), (65, 100)):
        assert_beeps_with_frames(tmp_path, source, start, stop)


@pytest.mark.parametrize(
    ("suffix", "seconds"), [("nut", -2.0), ("nut", -100000.0), ("nut", 2**33 / 90000), ("mkv", 7e4)]
)
def test_a_clock_may_start_at_any_time(tmp_path: Path, suffix: str, seconds: float) -> None:
    path = write_beeping_video(tmp_path / f"a.{suffix}", "mp2", start_seconds=round(seconds))
    source = open_video(path)
    for start, stop in ((0, 100), (30, 80), (65, 100)):
        assert_beeps_with_frames(tmp_path, source, start, stop)


@pytest.mark.parametrize("first", [10, 100, round(WRAP_SECONDS - 30)])
@pytest.mark.parametrize("second", [0, 10, 100, round(WRAP_SECONDS - 30)])
def test_joined_recordings_keep_sound_and_frames_together(tmp_path: Path, first: int, second: int) -> None:
    joined = tmp_path / "joined.ts"
    joined.write_bytes(
        b"".join(
            write_beeping_video(
                tmp_path / "part.ts", "mp2", video_codec="libx264", start_seconds=start
            ).read_bytes()
            for start in (first, second)
        )
    )
    source = open_video(joined)
    assert source.info.frame_count == 200
    times = source.timing(0, 200)
    cut = float((times.starts[100] - times.starts[0]) * times.base)
    expected = [half / 2 + offset for offset in (0, cut) for half in (1, 3, 5, 7)]
    assert beep_times(kept(tmp_path, source, 0, 200)) == pytest.approx(expected, abs=MAX_OFFSET_SECONDS)
    if second <= first < WRAP_SECONDS - 60:  # nearer to its end, the clock wraps
        assert cut == pytest.approx(4, abs=0.04)
        late = [time - 4.4 for time in (4.5, 5.5, 6.5)]
        assert beep_times(kept(tmp_path, source, 110, 180)) == pytest.approx(late, abs=MAX_OFFSET_SECONDS)


def test_a_part_of_an_ogg_file_keeps_its_sound(tmp_path: Path) -> None:
    """After a seek, the packets of an Ogg page repeat times of others."""
    path = write_beeping_video(tmp_path / "a.ogv", "flac", video_codec="libvpx", seconds=12)
    source = open_video(path)
    for start, stop in ((110, 250), (85, 175), (165, 300)):
        assert_beeps_with_frames(tmp_path, source, start, stop)


def test_sound_that_an_mp4_cannot_hold_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    write_beeping_video(path, "aac", video_codec="libx264", options={"mpegts_flags": "latm"})
    source = open_video(path)
    assert source.sound is not None
    assert source.sound.codec == "aac_latm"
    with pytest.raises(InvalidFormatError, match="aac_latm"):
        X264VideoEncoder().require_supported(FORMAT, source.sound)


def test_sound_that_is_not_what_its_container_says_is_an_error(tmp_path: Path) -> None:
    """NUT has one code for AC-3 and E-AC-3, so E-AC-3 is taken for AC-3, which cannot be written."""
    source = open_video(write_beeping_video(tmp_path / "a.nut", "eac3"))
    with pytest.raises(SoundLostError, match=r"a\.nut"):
        kept(tmp_path, source, 0, 100)
    assert not list(tmp_path.glob(".film*"))


def test_frames_without_sound_are_an_error_if_sound_was_asked_for(tmp_path: Path) -> None:
    path = write_beeping_video(tmp_path / "a.mkv", "aac")
    sound = Sound(path, "aac")
    late = Timing.constant_rate(Fraction(25), 1000, 1010)
    with pytest.raises(SoundLostError, match="no sound") as caught:
        X264VideoEncoder(tmp_path).writer(FORMAT, late, sound)
    assert caught.value.hint
    silent = Sound(write_video(tmp_path / "b.mp4", 10), "aac")
    with pytest.raises(SoundLostError, match="no longer"):
        X264VideoEncoder(tmp_path).writer(FORMAT, late, silent)
    assert not list(tmp_path.glob(".film*"))


def test_a_damaged_file_keeps_the_sound_that_is_left(tmp_path: Path) -> None:
    path = write_beeping_video(tmp_path / "a.ts", "mp2", video_codec="libx264")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 188 * 188
    del data[middle : middle + 188 * 20]
    path.write_bytes(data)
    source = open_video(path)
    result = kept(tmp_path, source, 0, source.info.frame_count)
    with av.open(str(result)) as container:
        assert container.streams.audio
    assert len(beep_times(result)) >= 3
