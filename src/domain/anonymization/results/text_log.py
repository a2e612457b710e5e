"""Decisions of the text policy in a manifest: the rule per track, never the text itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from framecloak.domain.anonymization.model.frames import DecidedText, RedactedFrame
from framecloak.domain.anonymization.model.text_policy import (
    Harmless,
    TextDecision,
    TextMode,
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
        installation_lists: SHA-256 of the lists that administrators keep for the installation, in hex; None
            without any.
    """

    mode: TextMode
    keep: tuple[Harmless, ...]
    names: bool
    patterns: bool
    model: str
    installation_lists: str | None = None

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
            policy.installation or None,
        )

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """Read the policy from a manifest or a part, which have the same form.

        Raises:
            ValueError: a value is invalid.
        """
        if entry.keys() - {"installation_lists"} != _POLICY_FIELDS:
            raise ValueError("the text policy lacks fields, or has unknown ones")
        keep, names, patterns, model = (entry[name] for name in ("keep", "names", "patterns", "model"))
        is_valid = isinstance(keep, list | tuple) and isinstance(model, str) and bool(model)
        if not is_valid or {type(names), type(patterns)} != {bool}:
            raise ValueError("the text policy must say what it keeps, whether it had lists, and the model")
        lists = entry.get("installation_lists")
        if lists is not None and not (isinstance(lists, str) and _SHA256.fullmatch(lists)):
            raise ValueError("the digest of the installation's lists is not a SHA-256")
        return cls(TextMode(entry["mode"]), tuple(map(Harmless, keep)), names, patterns, model, lists)


_SHA256 = re.compile(r"[0-9a-f]{64}")
_POLICY_FIELDS = frozenset({"mode", "keep", "names", "patterns", "model"})

Place: TypeAlias = tuple[int, tuple[int, int, int, int]]
"""First frame in which kept text has a box, and the box."""


@dataclass(slots=True)
class TextRun:
    """Run of frames of a track with the same decision.

    Attributes:
        source: id of the source.
        track: track id within the source.
        start, stop: half-open range of frames ``[start, stop)``.
        decision: decision of the policy.
        places: boxes of text that was kept, each with the first frame in which it has that box; covered text
            has its boxes among those of the frames.
    """

    source: int
    track: int
    start: int
    stop: int
    decision: TextDecision
    places: list[Place] = field(default_factory=list)

    def add(self, index: int, text: DecidedText) -> None:
        """Extend the run by the next frame."""
        self.stop = index + 1
        if text.decision.kept and (not self.places or self.places[-1][1] != text.xyxy):
            self.places.append((index, text.xyxy))

    def to_entry(self) -> dict[str, object]:
        """Return the manifest entry of the run."""
        entry: dict[str, object] = {
            "source": self.source,
            "track": self.track,
            "segment": [self.start, self.stop],
            "rule": self.decision.rule,
            "kept": self.decision.kept,
        }
        if self.places:
            entry["places"] = [{"frame": index, "xyxy": xyxy} for index, xyxy in self.places]
        return entry


class TextLog:
    """Collector of the decisions on text; frames are added in the order in which they are written.

    Args:
        earlier: decisions of an earlier result, if this one takes its boxes from there.
    """

    def __init__(self, earlier: Sequence[TextRun] = ()) -> None:
        self._open_runs: dict[tuple[int, int], TextRun] = {}
        self._closed_runs: list[TextRun] = list(earlier)

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
            run.add(frame.index, text)

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
