"""Ports: detectors of speech in sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class SpeechDetector(Protocol):
    """Detector of voices in sound. Thread-safe."""

    @property
    def name(self) -> str:
        """Name and version of the detector, as manifests record it."""
        ...

    @property
    def rate(self) -> int:
        """Samples per second that it expects."""
        ...

    @property
    def window(self) -> int:
        """Number of samples that one probability is about."""
        ...

    def probabilities(self, blocks: Iterable[Samples]) -> Iterator[float]:
        """Yield the probability of speech in each successive window of one channel.

        Args:
            blocks: consecutive samples of any length, in -1..1. The last window is filled up with silence.
        """
        ...


@dataclass(frozen=True, slots=True)
class MutedSound:
    """Decisions about speech in the sound of one video.

    Attributes:
        detector: name and version of the speech detector.
        threshold: probability from which sound counts as speech.
        margin_seconds: time before and after speech that is silent as well.
        duration_seconds: duration of the video.
        ranges: silent ranges in seconds of the video: start and end, ascending and disjoint.
    """

    detector: str
    threshold: float
    margin_seconds: float
    duration_seconds: float
    ranges: tuple[tuple[float, float], ...]
