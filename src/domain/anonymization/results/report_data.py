"""Data of the report: redacted boxes over time, filled gaps, and tracks with weak evidence."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from framecloak.domain.anonymization.model.boxes import FOUND, Origin
from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.model.residuals import Tally
from framecloak.domain.imaging.detections import Basis, Kind

LISTED = 10
"""Rows in the report's tables of the longest gaps and of the weakest tracks."""

MOST_THUMBNAILS = 20 * LISTED
"""Maximum number of thumbnails held before those of stronger tracks are dropped."""

INFERRED = frozenset({Origin.FILLED, Origin.EXTENDED})
"""Origins of boxes without a detection in their own frame."""

_MOST = 2**16 - 1


@dataclass(slots=True)
class TrackEvidence:
    """Evidence that a track is a face.

    Attributes:
        source: Id of the track's source.
        track: Track id within the source.
        first, last: First and last frame in which it was redacted.
        origins: Number of frames by origin of the box.
        best_score: Highest score of its detections.
        thumbnail: JPEG of the redacted face; None without one.
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
        """Number of frames in which it was redacted."""
        return self.origins.total()

    @property
    def seen(self) -> int:
        """Number of frames with a detection of it."""
        return self.origins[Origin.DETECTED] + self.origins[Origin.LINKED]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Run of frames in which a track was redacted without a detection.

    Attributes:
        length: Length in frames.
        source: Id of the track's source.
        track: Track id within the source.
        start: First frame of the run.
    """

    length: int
    source: int
    track: int
    start: int


@dataclass(frozen=True, slots=True)
class Blank:
    """Run of black frames: they could not be analysed, or still showed a residual.

    Attributes:
        source: Id of the source.
        start, stop: Half-open range of frames ``[start, stop)``.
    """

    source: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Number of redacted boxes in every written frame, in order; a few bytes per frame.

    Attributes:
        found: Detected faces.
        inferred: Faces inferred from their track only: filled or extended.
        writing: Text and plates, which are detected at intervals and inferred in between.
        regions: Regions marked, moved or added by hand.
        blanked: 1 if the frame is black, else 0.
        positions: Index of the frame in its source.
    """

    found: array[int] = field(default_factory=lambda: array("H"))
    inferred: array[int] = field(default_factory=lambda: array("H"))
    writing: array[int] = field(default_factory=lambda: array("H"))
    regions: array[int] = field(default_factory=lambda: array("H"))
    blanked: array[int] = field(default_factory=lambda: array("B"))
    positions: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, frame: RedactedFrame) -> None:
        """Append a frame."""
        detected = [box for box in frame.boxes if box.origin in FOUND or box.origin is Origin.RESIDUAL]
        faces = [box for box in detected if box.kind is Kind.FACE]
        inferred = sum(box.origin in INFERRED for box in faces)
        self.found.append(min(len(faces) - inferred, _MOST))
        self.inferred.append(min(inferred, _MOST))
        self.writing.append(min(len(detected) - len(faces), _MOST))
        self.regions.append(min(len(frame.boxes) - len(detected), _MOST))
        self.blanked.append(frame.blanked)
        self.positions.append(frame.index)

    def __len__(self) -> int:
        return len(self.blanked)


class Evidence:
    """Collector of report data; frames are added in the order in which they are written.

    Gaps and tracks are those of faces. Text and plates are detected at intervals, so gaps in their tracks
    are meaningless.

    Attributes:
        timeline: Redacted boxes per frame.
        tally: Counts of the residual check.
        blanks: Runs of black frames.
        gaps: Number of filled gaps.
        inferred: Redacted faces without a detection in their own frame, by origin.
        plates_by_shape: Redacted plates recognised by the shape of their text.
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
        """Add a written frame with its index and track ids as in the manifest."""
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
            track = self._tracks.get(key)
            if track is None:
                track = self._tracks[key] = TrackEvidence(source, box.track, frame.index, frame.index)
            track.last = frame.index
            track.origins[box.origin] += 1
            self.inferred[box.origin] += box.origin in INFERRED
            if box.origin in {Origin.DETECTED, Origin.LINKED} and box.score is not None:
                track.best_score = max(track.best_score, box.score)
            self._follow_gap(key, frame.index, filled=box.origin is Origin.FILLED)
        for thumbnail in frame.thumbnails:
            self._show(self._tracks[source, thumbnail.track], thumbnail.data)

    @property
    def tracks(self) -> int:
        """Number of tracks of faces."""
        return len(self._tracks)

    @property
    def thumbnails(self) -> int:
        """Number of thumbnails held."""
        return len(self._shown)

    def longest_gaps(self) -> Sequence[Gap]:
        """Return the longest gaps, the longest first."""
        gaps = heapq.nlargest(LISTED, [*self._longest, *self._open.values()])
        return sorted(gaps, key=lambda gap: (-gap.length, gap.source, gap.start, gap.track))

    def weakest_tracks(self) -> Sequence[TrackEvidence]:
        """Return the tracks with the lowest best score, then the fewest detections, the weakest first."""
        return heapq.nsmallest(LISTED, self._tracks.values(), _strength)

    def _show(self, track: TrackEvidence, thumbnail: bytes) -> None:
        """Store the first thumbnail of a track; drop those of stronger tracks when there are too many."""
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
    """Return a sort key that increases with the evidence that a track is a face."""
    return track.best_score, track.seen, track.source, track.track
