"""Result of one run of ``framecloak redact`` or ``framecloak render``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.domain.anonymization.results.manifest import Summary
from framecloak.domain.imaging.detections import ModelCard


@dataclass(frozen=True, slots=True)
class RedactionResult:
    """Result of a run.

    Attributes:
        summary: Counts of frames, boxes and tracks.
        output: Path of the ZIP.
        size: Size of the ZIP in bytes.
        seconds: Time from the first frame to the complete ZIP, in seconds.
        model: Face detector; None if no faces were detected at this level.
    """

    summary: Summary
    output: Path
    size: int
    seconds: float
    model: ModelCard | None

    @property
    def frames_per_second(self) -> float:
        """Average number of frames processed per second."""
        return self.summary.frames / max(self.seconds, 1e-9)
