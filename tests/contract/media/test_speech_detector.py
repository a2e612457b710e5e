"""One suite for every speech detector."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave

import numpy as np
import pytest

from fakes.speech import FakeSpeechDetector
from framecloak.adapters.media.sound.silero import SileroSpeechDetector
from framecloak.domain.ports.speech import Samples, SpeechDetector

SECONDS = 2


@pytest.fixture(params=[FakeSpeechDetector, SileroSpeechDetector])
def detector(request: pytest.FixtureRequest) -> SpeechDetector:
    made: SpeechDetector = request.param()
    return made


def noise(detector: SpeechDetector) -> Samples:
    samples = np.random.default_rng(4).standard_normal(SECONDS * detector.rate) * 0.2
    return samples.astype(np.float32)


def test_it_has_a_name_and_a_unit(detector: SpeechDetector) -> None:
    assert detector.name
    assert 8000 <= detector.rate <= 48000
    # Ranges are no finer than a window.
    assert 0 < detector.window / detector.rate <= 0.1


@pytest.mark.parametrize("surplus", [0, 1, -1])
def test_every_begun_window_has_a_probability(detector: SpeechDetector, surplus: int) -> None:
    samples = noise(detector)[: 20 * detector.window + surplus]
    found = list(detector.probabilities([samples]))
    assert len(found) == 20 + (surplus > 0)
    assert all(0 <= probability <= 1 for probability in found)


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_the_size_of_blocks_changes_nothing(detector: SpeechDetector, size: int) -> None:
    samples = noise(detector)[: 8 * detector.window]
    blocks = [samples[start : start + size] for start in range(0, len(samples), size)]
    assert list(detector.probabilities(blocks)) == list(detector.probabilities([samples]))


def test_no_sound_has_no_probabilities(detector: SpeechDetector) -> None:
    assert list(detector.probabilities([])) == []


def test_silence_is_no_speech(detector: SpeechDetector) -> None:
    assert max(detector.probabilities([np.zeros(detector.rate, np.float32)])) < 0.3


def test_tracks_in_parallel_do_not_disturb_each_other(detector: SpeechDetector) -> None:
    loud, silent = noise(detector), np.zeros(SECONDS * detector.rate, np.float32)
    together = list(zip(detector.probabilities([loud]), detector.probabilities([silent]), strict=True))
    assert [first for first, _ in together] == list(detector.probabilities([loud]))
    assert [second for _, second in together] == list(detector.probabilities([silent]))


def test_a_voice_is_speech(detector: SpeechDetector) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng (apt-get install espeak-ng)")
    command = ["espeak-ng", "--stdout", "Good morning, please tell me your name and your date of birth."]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(output)) as file:
        rate = file.getframerate()
    samples = np.frombuffer(output[44:], np.int16).astype(np.float32) / 32768
    at = np.arange(int(len(samples) * detector.rate / rate)) * rate / detector.rate
    voice = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
    found = np.array(list(detector.probabilities([voice])))
    assert (found > 0.5).mean() > 0.5
