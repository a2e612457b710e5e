"""State that a segment hands to the segment that begins where it ends."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.domain.anonymization.detection.frame_reader import SequentialFrameReader
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.tracking.track_ids import TrackBoundaries


@dataclass(frozen=True, slots=True)
class Continuation:
    """Everything that the next segment can reuse.

    Attributes:
        boundaries: tracks that extend beyond the end of the segment.
        analyses: analysed frames on both sides of the end; the next segment need not analyse them again.
        reader: decoder positioned at the end, so that the next segment need not decode those frames again;
            None where decoding cannot be resumed.
    """

    boundaries: TrackBoundaries
    analyses: tuple[FrameAnalysis, ...] = ()
    reader: SequentialFrameReader | None = None

    @classmethod
    def empty(cls) -> Continuation:
        """Return the continuation of a segment that has no predecessor."""
        return cls(TrackBoundaries((), {}))

    def close(self) -> None:
        """Free the decoder of a continuation that will not be used."""
        if self.reader:
            self.reader.close()
