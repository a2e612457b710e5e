"""Text of a result, track by track: what was decided, and whether it is covered now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from framecloak.domain.anonymization.model.box_table import BoxTable, entries
from framecloak.domain.anonymization.model.text_policy import TextDecision
from framecloak.domain.anonymization.results.inherited_text import InheritedText
from framecloak.domain.anonymization.results.text_log import Place, TextRun
from framecloak.domain.imaging.detections import TargetKind


@dataclass(frozen=True, slots=True)
class TextRange:
    """Frames of a track of text with the same decision.

    Attributes:
        start, stop: half-open range of frames ``[start, stop)``.
        decision: decision of the text policy.
        is_covered: True if the text is covered in all these frames; a reviewer may have changed that.
        places: boxes of text that the policy kept, each with the first frame in which it has that box.
    """

    start: int
    stop: int
    decision: TextDecision
    is_covered: bool
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class TextTrack:
    """Track of text in a result.

    Attributes:
        track: track id.
        ranges: ranges of its frames, ascending.
    """

    track: int
    ranges: tuple[TextRange, ...]

    @property
    def is_covered(self) -> bool:
        """True if it is covered in all frames."""
        return all(each.is_covered for each in self.ranges)


def text_tracks(text: InheritedText | None, table: BoxTable) -> tuple[TextTrack, ...]:
    """Return the tracks of text of a result with a single source, those that are readable first.

    Args:
        text: decisions of the text policy; None if all text was to be covered.
        table: boxes of the result.
    """
    if text is None:
        return ()
    covered: defaultdict[int, set[int]] = defaultdict(set)
    black = set()
    for index, boxes in entries(table):
        if boxes is None:
            black.add(index)
        for box in boxes or ():
            # Text with the shape of a plate counts as a plate.
            if box.track is not None and box.kind in {TargetKind.TEXT, TargetKind.PLATE}:
                covered[box.track].add(index)
    by_track: defaultdict[int, list[TextRun]] = defaultdict(list)
    for run in text.runs:
        by_track[run.track].append(run)
    tracks = [TextTrack(track, _ranges(runs, covered[track] | black)) for track, runs in by_track.items()]
    return tuple(sorted(tracks, key=lambda each: (each.is_covered, each.ranges[0].start, each.track)))


def _ranges(runs: Iterable[TextRun], covered: set[int]) -> tuple[TextRange, ...]:
    return tuple(
        TextRange(
            run.start,
            run.stop,
            run.decision,
            covered.issuperset(range(run.start, run.stop)),
            tuple(run.places),
        )
        for run in sorted(runs, key=lambda run: run.start)
    )
