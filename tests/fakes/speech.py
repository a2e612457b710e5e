"""Fake speech detector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from framecloak.domain.ports.speech import Samples


class FakeSpeechDetector:
    """Detector that takes loud sound for speech.

    Args:
        loudness: smallest sample, in 0..1, that counts as speech; infinity to find none at all.
    """

    name = "fake 1.0"
    rate = 8000
    window = 256

    def __init__(self, loudness: float = 0.1) -> None:
        self._loudness = loudness

    def probabilities(self, blocks: Iterable[Samples]) -> Iterator[float]:
        """Yield 1 for each window with a loud sample, and 0 for all others."""
        waiting = np.empty(0, np.float32)
        for block in blocks:
            waiting = np.concatenate([waiting, block])
            while len(waiting) >= self.window:
                yield self._probability(waiting[: self.window])
                waiting = waiting[self.window :]
        if len(waiting):
            yield self._probability(waiting)

    def _probability(self, window: Samples) -> float:
        return float(np.abs(window).max() >= self._loudness)
