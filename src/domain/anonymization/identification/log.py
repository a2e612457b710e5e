"""What a manifest says of people: on which evidence which faces were kept or redacted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framecloak.domain.anonymization.identification.decisions import Identification
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.pipeline.render import Identified, RedactedFrame


@dataclass(frozen=True, slots=True)
class RecordedIdentities:
    """What was asked about people.

    Attributes:
        mode: whose faces were redacted.
        threshold: least cosine at which two faces were taken for one person's.
        possible: least cosine at which they might be one person's; below it a face was somebody else's.
        unknown: what became of uncertain faces; always redacted in mode ``except``.
        model: what their faces were recognised with.
        people: id of their gallery, or digest of the folder with their pictures.
        faces: how many faces of them were known.
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
        """What was asked with it."""
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
        """From what ``asdict`` and JSON make of it."""
        mode, unknown = IdentityMode(document["mode"]), Unknown(document["unknown"])
        # Where nothing is said of it, nothing below the threshold counted as possible.
        possible = document.get("possible", document["threshold"])
        return cls(**{**document, "mode": mode, "possible": possible, "unknown": unknown})


@dataclass(slots=True)
class DecidedRun:
    """Frames of a track in which the same was decided.

    Attributes:
        source: id of the source.
        track: number of the track there.
        start, stop: the frames ``[start, stop)``.
        decision: what the evidence said.
        redacted: what followed.
        views: the evidence: frames, each with the highest similarity of the face in it.
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
        """The one in the middle of all views, the lower of two; None without any."""
        ordered = sorted(self.views.values())
        return ordered[(len(ordered) - 1) // 2] if ordered else None

    def continues(self, index: int, face: Identified) -> bool:
        """Whether a face in a frame belongs to it."""
        same = (self.decision, self.redacted) == (face.verdict.decision, face.redacted)
        return same and index == self.stop

    def document(self) -> dict[str, object]:
        """As the manifest has it."""
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
    """Gathers that while frames are written, in order.

    Args:
        earlier: what was decided before, where nothing is decided now.
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
        """Take in a frame that was written, numbered as in the manifest."""
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
        """How many tracks were kept in some frame."""
        return len({(run.source, run.track) for run in self.runs() if not run.redacted})

    def runs(self) -> Sequence[DecidedRun]:
        """All of them, in order of time."""
        everything = [*self._done, *self._open.values()]
        return sorted(everything, key=lambda run: (run.source, run.start, run.track, run.stop))
