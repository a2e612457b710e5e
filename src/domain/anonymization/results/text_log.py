"""Decisions of the text policy in a manifest: the rule per track, never the text itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.text_policy import (
    Harmless,
    TextDecision,
    TextMode,
    TextRule,
)
from framecloak.domain.anonymization.text_policy.line_reading import LineReader


@dataclass(frozen=True, slots=True)
class RecordedTextPolicy:
    """Text policy of a result.

    Attributes:
        mode: selection of the text that was covered.
        keep: classes of harmless text that were kept.
        names: True if a list of names was given; neither the names nor their number are recorded.
        patterns: True if patterns were given.
        model: name of the reading model.
    """

    mode: TextMode
    keep: tuple[Harmless, ...]
    names: bool
    patterns: bool
    model: str

    @classmethod
    def of(cls, reader: LineReader) -> RecordedTextPolicy:
        """Return the recorded policy of a reader."""
        policy = reader.policy
        is_selective = policy.options.mode is TextMode.IDENTIFYING
        return cls(
            policy.options.mode,
            tuple(each for each in Harmless if is_selective and each in policy.options.keep),
            len(policy.names) > 0,
            policy.patterns is not None,
            reader.reader.card.name,
        )


@dataclass(slots=True)
class TextRun:
    """Run of frames of a track with the same decision.

    Attributes:
        source: id of the source.
        track: track id within the source.
        start, stop: half-open range of frames ``[start, stop)``.
        decision: decision of the policy.
    """

    source: int
    track: int
    start: int
    stop: int
    decision: TextDecision

    def to_entry(self) -> dict[str, object]:
        """Return the manifest entry of the run."""
        return {
            "source": self.source,
            "track": self.track,
            "segment": [self.start, self.stop],
            "rule": self.decision.rule,
            "kept": self.decision.kept,
        }


class TextLog:
    """Collector of the decisions on text; frames are added in the order in which they are written."""

    def __init__(self) -> None:
        self._open_runs: dict[tuple[int, int], TextRun] = {}
        self._closed_runs: list[TextRun] = []

    def add(self, source_id: int, frame: RedactedFrame) -> None:
        """Add a written frame with its index and track ids as in the manifest."""
        for text in frame.texts:
            key = source_id, text.track
            run = self._open_runs.get(key)
            if run is None or run.decision != text.decision or frame.index > run.stop:
                if run:
                    self._closed_runs.append(run)
                run = TextRun(source_id, text.track, frame.index, frame.index, text.decision)
                self._open_runs[key] = run
            run.stop = frame.index + 1

    def runs(self) -> Sequence[TextRun]:
        """Return all runs, ordered by source and first frame."""
        runs = [*self._closed_runs, *self._open_runs.values()]
        return sorted(runs, key=lambda run: (run.source, run.start, run.track, run.stop))

    @property
    def kept_tracks(self) -> int:
        """Number of tracks of text with at least one frame in which it was kept."""
        return len({(run.source, run.track) for run in self.runs() if run.decision.kept})

    @property
    def covered_tracks(self) -> int:
        """Number of tracks of text that were covered in all frames."""
        tracks = {(run.source, run.track) for run in self.runs()}
        return len(tracks) - self.kept_tracks

    def tracks_by_rule(self) -> dict[TextRule, int]:
        """Return the number of tracks by the rules that decided on them; a track may count several times."""
        pairs = {(run.source, run.track, run.decision.rule) for run in self.runs()}
        rules = [rule for _, _, rule in pairs]
        return {rule: rules.count(rule) for rule in TextRule if rule in rules}
