"""Result of one run of ``framecloak redact`` or ``framecloak render``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framecloak.domain.anonymization.results.frame_log import Summary
from framecloak.domain.imaging.detections import ModelCard
from framecloak.domain.ports.frames import SourceInfo


@dataclass(frozen=True, slots=True)
class RedactionResult:
    """Result of a run.

    Attributes:
        summary: counts of frames, boxes and tracks.
        output: path of the ZIP.
        size: size of the ZIP in bytes.
        seconds: time from the first frame to the complete ZIP, in seconds.
        model: face detector; None if no faces were detected at this level.
        sources: properties of the inputs.
    """

    summary: Summary
    output: Path
    size: int
    seconds: float
    model: ModelCard | None
    sources: tuple[SourceInfo, ...]

    @property
    def frames_per_second(self) -> float:
        """Average number of frames processed per second."""
        return self.summary.frames / max(self.seconds, 1e-9)
