"""Identity decisions in a manifest, with the evidence on which faces were kept or redacted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framecloak.domain.anonymization.identification.decisions import IdentificationSetup
from framecloak.domain.anonymization.model.frames import IdentifiedFace, RedactedFrame
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown


@dataclass(frozen=True, slots=True)
class RecordedIdentities:
    """Identification settings of a result.

    Attributes:
        mode: selection of the faces that were redacted.
        threshold: minimum cosine similarity of two faces of one person.
        possible: minimum cosine similarity that may be of one person; a face below it was a stranger's.
        unknown: treatment of uncertain faces; always ``redact`` in mode ``except``.
        model: name of the embedding model.
        people: id of the gallery, or digest of the folder with reference photos.
        faces: number of reference faces.
    """

    mode: IdentityMode
    threshold: float
    possible: float
    unknown: Unknown
    model: str
    people: str
    faces: int

    @classmethod
    def of(cls, identification: IdentificationSetup) -> RecordedIdentities:
        """Return the recorded settings of an identification setup."""
        rule, people = identification.rule, identification.people
        return cls(
            rule.mode,
            rule.threshold,
            rule.possible_threshold,
            rule.unknown,
            people.space.name,
            people.reference,
            people.face_count,
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> RecordedIdentities:
        """Read the settings from the JSON form of ``asdict``."""
        mode, unknown = IdentityMode(document["mode"]), Unknown(document["unknown"])
        # Older manifests lack this member; there, the threshold alone separated people.
        possible = document.get("possible", document["threshold"])
        return cls(**{**document, "mode": mode, "possible": possible, "unknown": unknown})


@dataclass(slots=True)
class DecisionRun:
    """Run of frames of a track with the same identity decision.

    Attributes:
        source: id of the source.
        track: track id within the source.
        start, stop: Half-open range of frames ``[start, stop)``.
        decision: identity decision.
        redacted: True if the face was redacted.
        similarity_by_frame: evidence: highest similarity of the face by sampled frame.
    """

    source: int
    track: int
    start: int
    stop: int
    decision: Decision
    redacted: bool
    similarity_by_frame: dict[int, float] = field(default_factory=dict)

    @property
    def median_similarity(self) -> float | None:
        """Median similarity of all samples, the lower one of two; None without samples."""
        ordered = sorted(self.similarity_by_frame.values())
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    def continues(self, index: int, face: IdentifiedFace) -> bool:
        """Return whether a face in a frame continues this run."""
        same_decision = (self.decision, self.redacted) == (face.decision.decision, face.redacted)
        return same_decision and index == self.stop

    def to_entry(self) -> dict[str, object]:
        """Return the manifest entry of the run."""
        return {
            "source": self.source,
            "track": self.track,
            "segment": [self.start, self.stop],
            "decision": self.decision,
            "redacted": self.redacted,
            "similarity": self.median_similarity,
            "views": [[frame, self.similarity_by_frame[frame]] for frame in sorted(self.similarity_by_frame)],
        }


class IdentityLog:
    """Collector of identity decisions; frames are added in the order in which they are written.

    Args:
        earlier: decisions of an earlier result, if this one takes its boxes from there.
    """

    def __init__(self, earlier: Sequence[DecisionRun] = ()) -> None:
        self.kept_count = 0
        self.redacted_counts: Counter[Decision] = Counter()
        self._open_runs: dict[tuple[int, int], DecisionRun] = {}
        self._closed_runs: list[DecisionRun] = list(earlier)
        for run in earlier:
            if run.redacted:
                self.redacted_counts[run.decision] += run.stop - run.start
            else:
                self.kept_count += run.stop - run.start

    def add(self, source_id: int, frame: RedactedFrame) -> None:
        """Add a written frame with its index and track ids as in the manifest."""
        for face in frame.identified:
            if face.redacted:
                self.redacted_counts[face.decision.decision] += 1
            else:
                self.kept_count += 1
            key = source_id, face.track
            run = self._open_runs.get(key)
            if run is None or not run.continues(frame.index, face):
                if run:
                    self._closed_runs.append(run)
                start, decision = frame.index, face.decision.decision
                run = DecisionRun(source_id, face.track, start, start, decision, face.redacted)
                self._open_runs[key] = run
            run.stop = frame.index + 1
            run.similarity_by_frame.update(face.decision.evidence)

    @property
    def kept_tracks(self) -> int:
        """Number of tracks with at least one frame in which the face was kept."""
        return len({(run.source, run.track) for run in self.runs() if not run.redacted})

    def runs(self) -> Sequence[DecisionRun]:
        """Return all runs, ordered by source and first frame."""
        runs = [*self._closed_runs, *self._open_runs.values()]
        return sorted(runs, key=lambda run: (run.source, run.start, run.track, run.stop))
