"""Identity decisions in a manifest, with the evidence on which faces were kept or redacted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framecloak.domain.anonymization.identification.decisions import Identification
from framecloak.domain.anonymization.model.frames import Identified, RedactedFrame
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown


@dataclass(frozen=True, slots=True)
class RecordedIdentities:
    """Identification settings of a result.

    Attributes:
        mode: Whose faces were redacted.
        threshold: Minimum cosine similarity of two faces of one person.
        possible: Minimum cosine similarity that may be of one person; a face below it was a stranger's.
        unknown: Treatment of uncertain faces; always ``redact`` in mode ``except``.
        model: Name of the embedding model.
        people: Id of the gallery, or digest of the folder with reference photos.
        faces: Number of reference faces.
    """

    mode: IdentityMode
    threshold: float
    possible: float
    unknown: Unknown
    model: str
    people: str
    faces: int

    @classmethod
    def of(cls, identification: Identification) -> RecordedIdentities:
        """Return the recorded settings of an identification setup."""
        rule, people = identification.rule, identification.people
        return cls(
            rule.mode,
            rule.threshold,
            rule.possible,
            rule.unknown,
            people.space.name,
            people.reference,
            people.faces,
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> RecordedIdentities:
        """Read the settings from the JSON form of ``asdict``."""
        mode, unknown = IdentityMode(document["mode"]), Unknown(document["unknown"])
        # Older manifests lack this member; there, the threshold alone separated people.
        possible = document.get("possible", document["threshold"])
        return cls(**{**document, "mode": mode, "possible": possible, "unknown": unknown})


@dataclass(slots=True)
class DecidedRun:
    """Run of frames of a track with the same identity decision.

    Attributes:
        source: Id of the source.
        track: Track id within the source.
        start, stop: Half-open range of frames ``[start, stop)``.
        decision: Identity decision.
        redacted: Whether the face was redacted.
        views: Evidence: highest similarity of the face by sampled frame.
    """

    source: int
    track: int
    start: int
    stop: int
    decision: Decision
    redacted: bool
    views: dict[int, float] = field(default_factory=dict)

    @property
    def similarity(self) -> float | None:
        """Median similarity of all samples, the lower one of two; None without samples."""
        ordered = sorted(self.views.values())
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    def continues(self, index: int, face: Identified) -> bool:
        """Return whether a face in a frame continues this run."""
        same_decision = (self.decision, self.redacted) == (face.verdict.decision, face.redacted)
        return same_decision and index == self.stop

    def document(self) -> dict[str, object]:
        """Return the manifest entry of the run."""
        return {
            "source": self.source,
            "track": self.track,
            "segment": [self.start, self.stop],
            "decision": self.decision,
            "redacted": self.redacted,
            "similarity": self.similarity,
            "views": [[frame, self.views[frame]] for frame in sorted(self.views)],
        }


class IdentityLog:
    """Collector of identity decisions; frames are added in the order in which they are written.

    Args:
        earlier: Decisions of an earlier result, if this one takes its boxes from there.
    """

    def __init__(self, earlier: Sequence[DecidedRun] = ()) -> None:
        self.kept = 0
        self.redacted: Counter[Decision] = Counter()
        self._open: dict[tuple[int, int], DecidedRun] = {}
        self._done: list[DecidedRun] = list(earlier)
        for run in earlier:
            if run.redacted:
                self.redacted[run.decision] += run.stop - run.start
            else:
                self.kept += run.stop - run.start

    def add(self, source: int, frame: RedactedFrame) -> None:
        """Add a written frame with its index and track ids as in the manifest."""
        for face in frame.identified:
            if face.redacted:
                self.redacted[face.verdict.decision] += 1
            else:
                self.kept += 1
            key = source, face.track
            run = self._open.get(key)
            if run is None or not run.continues(frame.index, face):
                if run:
                    self._done.append(run)
                start, decision = frame.index, face.verdict.decision
                run = DecidedRun(source, face.track, start, start, decision, face.redacted)
                self._open[key] = run
            run.stop = frame.index + 1
            run.views.update(face.verdict.evidence)

    @property
    def kept_tracks(self) -> int:
        """Number of tracks with at least one frame in which the face was kept."""
        return len({(run.source, run.track) for run in self.runs() if not run.redacted})

    def runs(self) -> Sequence[DecidedRun]:
        """Return all runs, ordered by source and first frame."""
        runs = [*self._done, *self._open.values()]
        return sorted(runs, key=lambda run: (run.source, run.start, run.track, run.stop))
