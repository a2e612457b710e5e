"""Sound of results in which all that may be speech is silent, on voices of espeak-ng."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fakes.speech import FakeSpeechDetector
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import SoundLostError
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.speech import MutedSound
from framecloak.domain.ports.video import VideoFormat
from support.samples.beeps import beep_times, write_beeping_video

FORMAT = VideoFormat(64, 48, Fraction(25), 50)
RATE = 48000
LEAD = 3
TEXTS = {
    "en": "Good morning Mister Miller, please tell me your date of birth.",
    "de": "Guten Morgen Herr Schneider, bitte nennen Sie mir Ihre Adresse.",
    "ru": "Доброе утро, назовите ваше имя и дату рождения.",
    "cmn": "早上好 请告诉我您的姓名和出生日期。",
}


def muted(folder: Path, sound: Sound, timing: Timing) -> tuple[Path, MutedSound]:
    encoder = X264VideoEncoder(folder)
    group = encoder.group_encoder(FORMAT)
    for _ in timing.starts:
        group.add(bytes(64 * 48 * 3 // 2))
    writer = encoder.writer(FORMAT, timing, replace(sound, mute_speech=True))
    result = folder / "muted.mp4"
    try:
        writer.add(group.finish())
        result.write_bytes(b"".join(writer.finish()))
        assert writer.muted_sound is not None
        return result, writer.muted_sound
    finally:
        writer.discard()


def levels(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the loudest sample in each hundredth of a second."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.abs(np.concatenate(frames, axis=1)).max(0)
    return sound[: len(sound) // 480 * 480].reshape(-1, 480).max(1)


def spoken(language: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng (apt-get install espeak-ng)")
    command = ["espeak-ng", "-v", language, "--stdout", TEXTS[language]]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(output)) as file:
        rate = file.getframerate()
    samples = np.frombuffer(output[44:], np.int16).astype(np.float32) / 32768
    at = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    return np.interp(at, np.arange(len(samples)), samples).astype(np.float32)


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize(("snr", "level"), [(0, 1.0), (20, 0.01)])
def test_speech_in_noise_is_silent(tmp_path: Path, language: str, snr: int, level: float) -> None:
    speech = np.pad(spoken(language), LEAD * RATE)
    loudness = np.sqrt(np.mean(speech[LEAD * RATE : -LEAD * RATE] ** 2))
    noise = np.random.default_rng(1).standard_normal(len(speech)) * loudness * 10 ** (-snr / 20)
    mixed = np.clip((speech + noise) * level, -1, 1)
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((mixed * 32767).astype(np.int16).tobytes())
    frames = int(len(mixed) / RATE * 25)
    result, decisions = muted(
        tmp_path, Sound(path, "pcm_s16le"), Timing.constant_rate(Fraction(25), 0, frames)
    )
    heard = levels(result)
    blocks = speech[: len(speech) // 480 * 480].reshape(-1, 480)
    active = np.flatnonzero(np.abs(blocks).max(1) > np.abs(speech).max() / 100)
    active = active[active < len(heard)]
    assert (heard[active] < 1e-4).mean() >= 0.999
    assert (heard[:200] > 1e-4).mean() > 0.5, "noise before the speech is kept"
    assert decisions.ranges
    assert decisions.detector.startswith("silero-vad")


def test_sound_without_speech_keeps_its_time(tmp_path: Path) -> None:
    source = open_video(
        write_beeping_video(tmp_path / "a.ts", "mp2", video_codec="libx264", start_seconds=95440)
    )
    assert source.sound is not None
    result, decisions = muted(tmp_path, source.sound, source.timing(30, 100))
    silent = decisions.ranges
    expected = [
        time - 1.2
        for time in (1.5, 2.5, 3.5)
        if not any(a <= time - 1.2 + 0.05 and time - 1.2 <= b for a, b in silent)
    ]
    assert beep_times(result) == pytest.approx(expected, abs=0.03)
    data = result.read_bytes()
    assert b"Lavc" not in data
    assert b"Lavf" not in data


def test_frames_without_sound_are_an_error(tmp_path: Path) -> None:
    path = write_beeping_video(tmp_path / "a.mkv", "aac")
    late = Timing.constant_rate(Fraction(25), 1000, 1010)
    with pytest.raises(SoundLostError):
        muted(tmp_path, Sound(path, "aac"), late)
    assert not list(tmp_path.glob(".film*"))


class StoppedError(Exception):
    """Raised by a checkpoint."""


def test_the_search_for_speech_can_be_stopped(tmp_path: Path) -> None:
    source = open_video(write_beeping_video(tmp_path / "a.mkv", "aac", seconds=12))
    assert source.sound is not None
    calls = 0

    def checkpoint() -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise StoppedError

    sound = replace(source.sound, mute_speech=True)
    encoder = X264VideoEncoder(tmp_path, FakeSpeechDetector())
    with pytest.raises(StoppedError):
        encoder.writer(FORMAT, source.timing(0, 300), sound, checkpoint)
    assert not list(tmp_path.glob(".film*"))
