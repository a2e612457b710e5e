"""What the report says beyond the sums: when, which gaps were filled, which tracks are weak."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from framecloak.domain.anonymization.model.residuals import Tally
from framecloak.domain.anonymization.pipeline.render import RedactedFrame
from framecloak.domain.anonymization.tracking.tracker import FOUND, Origin
from framecloak.domain.imaging.detections import Basis, Kind

LISTED = 10
"""Rows of the report's tables: the longest gaps, the weakest tracks."""

MOST_THUMBNAILS = 20 * LISTED
"""Thumbnails that are kept until it is known whose tracks are the weakest."""

INFERRED = frozenset({Origin.FILLED, Origin.EXTENDED})
"""Nothing was found in the very frame."""

_MOST = 2**16 - 1


@dataclass(slots=True)
class TrackEvidence:
    """How sure it is that a track is a face.

    Attributes:
        source: id of the source it is in.
        track: its number there.
        first, last: frames it was redacted in.
        origins: in how many frames for which reason.
        best_score: the highest score of its detections.
        thumbnail: a JPEG of it, redacted; None where there is none.
    """

    source: int
    track: int
    first: int
    last: int
    origins: Counter[Origin] = field(default_factory=Counter)
    best_score: float = 0.0
    thumbnail: bytes | None = None

    @property
    def frames(self) -> int:
        """In how many frames it was redacted."""
        return self.origins.total()

    @property
    def seen(self) -> int:
        """In how many of them a detector found something."""
        return self.origins[Origin.DETECTED] + self.origins[Origin.LINKED]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A run of frames in which a track was redacted though nothing was found.

    Attributes:
        length: of it, in frames.
        source: id of the source it is in.
        track: number of the track there.
        start: its first frame.
    """

    length: int
    source: int
    track: int
    start: int


@dataclass(frozen=True, slots=True)
class Blank:
    """A run of frames that are black because they could not be examined.

    Attributes:
        source: id of the source it is in.
        start, stop: the frames ``[start, stop)``.
    """

    source: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Boxes of every written frame, in order; a few bytes a frame.

    Attributes:
        found: faces that a detector found.
        inferred: faces that were only inferred from their track: filled or extended.
        writing: text and plates; these are looked for at intervals, and inferred between them.
        regions: areas marked, moved or added by hand.
        blanked: 1 where the frame is black.
        positions: number of the frame in its source.
    """

    found: array[int] = field(default_factory=lambda: array("H"))
    inferred: array[int] = field(default_factory=lambda: array("H"))
    writing: array[int] = field(default_factory=lambda: array("H"))
    regions: array[int] = field(default_factory=lambda: array("H"))
    blanked: array[int] = field(default_factory=lambda: array("B"))
    positions: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, frame: RedactedFrame) -> None:
        """Append a frame."""
        seen = [box for box in frame.boxes if box.origin in FOUND or box.origin is Origin.RESIDUAL]
        faces = [box for box in seen if box.kind is Kind.FACE]
        inferred = sum(box.origin in INFERRED for box in faces)
        self.found.append(min(len(faces) - inferred, _MOST))
        self.inferred.append(min(inferred, _MOST))
        self.writing.append(min(len(seen) - len(faces), _MOST))
        self.regions.append(min(len(frame.boxes) - len(seen), _MOST))
        self.blanked.append(frame.blanked)
        self.positions.append(frame.index)

    def __len__(self) -> int:
        return len(self.blanked)


class Evidence:
    """Gathers all that while frames are written, in order.

    Gaps and tracks are those of faces. Text and plates are looked for at intervals, so that gaps in their
    tracks say nothing.

    Attributes:
        timeline: what was redacted when.
        tally: what came of searching frames again.
        blanks: runs of black frames.
        gaps: how many were filled.
        inferred: redacted faces that were found in other frames of their tracks only, by their origin.
        plates_by_shape: redacted plates that were told by the shape of the text on them.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.tally = Tally()
        self.blanks: list[Blank] = []
        self.gaps = 0
        self.inferred: Counter[Origin] = Counter()
        self.plates_by_shape = 0
        self._tracks: dict[tuple[int, int], TrackEvidence] = {}
        self._open: dict[tuple[int, int], Gap] = {}
        self._longest: list[Gap] = []
        self._shown: list[TrackEvidence] = []

    def add(self, source: int, frame: RedactedFrame) -> None:
        """Take in a frame that was written, numbered as in the manifest."""
        self.timeline.add(frame)
        if frame.check:
            self.tally.add(frame.check)
        if frame.blanked:
            self._add_blank(source, frame.index)
        for box in frame.boxes:
            self.plates_by_shape += box.basis is Basis.SHAPE
            if box.track is None or box.kind is not Kind.FACE:
                continue
            key = source, box.track
            seen = self._tracks.get(key)
            if seen is None:
                seen = self._tracks[key] = TrackEvidence(source, box.track, frame.index, frame.index)
            seen.last = frame.index
            seen.origins[box.origin] += 1
            self.inferred[box.origin] += box.origin in INFERRED
            if box.origin in {Origin.DETECTED, Origin.LINKED} and box.score is not None:
                seen.best_score = max(seen.best_score, box.score)
            self._follow_gap(key, frame.index, filled=box.origin is Origin.FILLED)
        for thumbnail in frame.thumbnails:
            self._show(self._tracks[source, thumbnail.track], thumbnail.data)

    @property
    def tracks(self) -> int:
        """How many faces were followed."""
        return len(self._tracks)

    @property
    def thumbnails(self) -> int:
        """How many are kept."""
        return len(self._shown)

    def longest_gaps(self) -> Sequence[Gap]:
        """The longest, longest first."""
        listed = heapq.nlargest(LISTED, [*self._longest, *self._open.values()])
        return sorted(listed, key=lambda gap: (-gap.length, gap.source, gap.start, gap.track))

    def weakest_tracks(self) -> Sequence[TrackEvidence]:
        """Those with the lowest best score, then the fewest detections, weakest first."""
        return heapq.nsmallest(LISTED, self._tracks.values(), _strength)

    def _show(self, track: TrackEvidence, thumbnail: bytes) -> None:
        """Keep the first thumbnail of a track; when there are too many, those of the weaker tracks."""
        if track.thumbnail is not None:
            return
        track.thumbnail = thumbnail
        self._shown.append(track)
        if len(self._shown) > MOST_THUMBNAILS:
            self._shown.sort(key=_strength)
            for stronger in self._shown[MOST_THUMBNAILS // 2 :]:
                stronger.thumbnail = None
            del self._shown[MOST_THUMBNAILS // 2 :]

    def _add_blank(self, source: int, index: int) -> None:
        last = self.blanks[-1] if self.blanks else None
        if last and (last.source, last.stop) == (source, index):
            self.blanks[-1] = Blank(source, last.start, index + 1)
        else:
            self.blanks.append(Blank(source, index, index + 1))

    def _follow_gap(self, key: tuple[int, int], index: int, *, filled: bool) -> None:
        gap = self._open.get(key)
        continues = gap is not None and gap.start + gap.length == index
        if gap is not None and not (filled and continues):
            del self._open[key]
            push = heapq.heappush if len(self._longest) < LISTED else heapq.heappushpop
            push(self._longest, gap)
        if filled:
            length, start = (gap.length, gap.start) if gap is not None and continues else (0, index)
            self.gaps += length == 0
            self._open[key] = Gap(length + 1, *key, start)


def _strength(track: TrackEvidence) -> tuple[float, int, int, int]:
    """How sure it is that a track is a face, to sort by."""
    return track.best_score, track.seen, track.source, track.track
