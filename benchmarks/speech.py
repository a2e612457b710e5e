"""Measure how much of the speech in noise `--audio mute-speech` silences: python -m benchmarks.speech.

Needs espeak-ng. Speech of several languages and voices is mixed with noise; speech time is each hundredth of
a second within 40 dB of the loudest one. Everything goes through the encoder that writes results.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
import time
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.frames import Sound
from framecloak.domain.ports.video import VideoFormat

RATE, LEAD_SECONDS = 48000, 3
FORMAT = VideoFormat(64, 48, Fraction(25), 50)
TEXTS = {
    "en": "Good morning Mister Miller, please tell me your date of birth and where you live.",
    "de": "Guten Morgen Herr Schneider, bitte nennen Sie mir Ihr Geburtsdatum und Ihre Adresse.",
    "fr": "Bonjour madame, pouvez-vous me donner votre nom et votre adresse?",
    "pl": "Dzień dobry, proszę podać imię i datę urodzenia.",
    "tr": "Günaydın, lütfen adınızı ve doğum tarihinizi söyleyin.",  # noqa: RUF001 - Turkish has this letter
    "cmn": "早上好 请告诉我您的姓名和出生日期",
}
VOICES = ("", "+f3")
NOISES = {"white": 0.0, "pink": 0.5, "brown": 1.0}


def spoken(voice: str, text: str) -> np.ndarray:
    """Return speech with silence around it, (samples,) at ``RATE``."""
    command = ["espeak-ng", "-v", voice, "--stdout", text]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(output)) as file:
        rate = file.getframerate()
    samples = np.frombuffer(output[44:], np.int16) / 32768
    at = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    return np.pad(np.interp(at, np.arange(len(samples)), samples), LEAD_SECONDS * RATE)


def noise(slope: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise of mean square 1 whose amplitude falls with the frequency to the power of ``slope``."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= np.where(frequency < 20, 0, np.maximum(frequency, 1) ** -slope)
    sound = np.fft.irfft(spectrum, count)
    return sound / np.sqrt(np.mean(sound**2))


def blocks(sound: np.ndarray) -> np.ndarray:
    """Return the highest level in each hundredth of a second."""
    return np.abs(sound[: len(sound) // 480 * 480].reshape(-1, 480)).max(1)


def muted(folder: Path, sound: np.ndarray) -> np.ndarray:
    """Return the levels of what the encoder writes for a sound."""
    path = folder / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes())
    encoder, frames = X264VideoEncoder(folder), int(len(sound) / RATE * 25)
    group = encoder.group_encoder(FORMAT)
    for _ in range(frames):
        group.add(bytes(64 * 48 * 3 // 2))
    timing = Timing.constant_rate(Fraction(25), 0, frames)
    writer = encoder.writer(FORMAT, timing, Sound(path, "pcm_s16le", mute_speech=True))
    writer.add(group.finish())
    data = b"".join(writer.finish())
    writer.discard()
    with av.open(io.BytesIO(data)) as container:
        return blocks(np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)]))


def main() -> None:
    """Print the share of speech time that is silent, and of the rest, for each SNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snr", type=int, nargs="+", default=[0, 10, 20], help="decibels")
    generator, began, total = np.random.default_rng(1), time.perf_counter(), 0.0
    with tempfile.TemporaryDirectory() as scratch:
        for snr in parser.parse_args().snr:
            counts = np.zeros(4, int)
            for language, text in TEXTS.items():
                for voice in VOICES:
                    speech = spoken(language + voice, text)
                    active = blocks(speech) > np.abs(speech).max() / 100
                    level = np.sqrt(np.mean(speech[LEAD_SECONDS * RATE : -LEAD_SECONDS * RATE] ** 2))
                    for slope in NOISES.values():
                        mixed = speech + noise(slope, len(speech), generator) * level * 10 ** (-snr / 20)
                        heard = muted(Path(scratch), mixed / max(1.0, np.abs(mixed).max()))
                        on, total = active[: len(heard)], total + len(speech) / RATE
                        silent = heard[: len(on)] < 1e-4
                        counts += [on.sum(), (on & silent).sum(), (~on).sum(), (~on & silent).sum()]
            print(
                f"SNR {snr} dB: {counts[1] / counts[0]:.5f} of {counts[0] / 100:.0f} s of speech silent, "
                f"{counts[3] / counts[2]:.3f} of the rest"
            )
    print(f"{total:.0f} s of sound in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
