"""Data of the report: redacted boxes over time, filled gaps, and tracks with weak evidence."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from framecloak.domain.anonymization.model.frames import BlankReason, RedactedBox, RedactedFrame
from framecloak.domain.anonymization.model.residuals import CheckCounts
from framecloak.domain.anonymization.model.tracked_boxes import DETECTOR_ORIGINS, Origin
from framecloak.domain.imaging.detections import Basis, TargetKind

MAX_TABLE_ROWS = 10
"""Rows in the report's tables of the longest gaps and of the weakest tracks."""

MAX_THUMBNAILS = 20 * MAX_TABLE_ROWS
"""Maximum number of thumbnails held before those of stronger tracks are dropped."""

INFERRED = frozenset({Origin.FILLED, Origin.EXTENDED, Origin.FOLLOWED})
"""Origins of boxes without a detection in their own frame."""

LOOKED_AT = frozenset({Origin.DETECTED, Origin.LINKED, Origin.BETWEEN})
"""Origins of boxes that a detection supports, in their own frame or in the looks before and after it."""

_MAX_COUNT = 2**16 - 1


@dataclass(slots=True)
class TrackEvidence:
    """Evidence that a track is a face.

    Attributes:
        source: id of the track's source.
        track: track id within the source.
        first_frame, last_frame: first and last frame in which it was redacted.
        origins: number of frames by origin of the box.
        best_score: highest score of its detections.
        first_detected: first frame with a detection of it; -1 without one.
        last_detected: last frame with a detection of it; -1 without one.
        followed_before: number of frames before its first detection in which its head was followed.
        followed_after: number of frames since its last detection in which its head was followed.
        thumbnail: JPEG of the redacted face; None without one.
    """

    source: int
    track: int
    first_frame: int
    last_frame: int
    origins: Counter[Origin] = field(default_factory=Counter)
    best_score: float = 0.0
    first_detected: int = -1
    last_detected: int = -1
    followed_before: int = 0
    followed_after: int = 0
    thumbnail: bytes | None = None

    def add(self, frame: int, box: RedactedBox) -> None:
        """Add its box in the next frame."""
        self.last_frame = frame
        self.origins[box.origin] += 1
        if box.origin in LOOKED_AT:
            self.best_score = max(self.best_score, box.score or 0.0)
            self.first_detected = frame if self.first_detected < 0 else self.first_detected
            self.last_detected, self.followed_after = frame, 0
        elif box.origin is Origin.FOLLOWED:
            self.followed_before += self.first_detected < 0
            self.followed_after += self.first_detected >= 0

    @property
    def frames(self) -> int:
        """Number of frames in which it was redacted."""
        return self.origins.total()

    @property
    def detected_frames(self) -> int:
        """Number of frames with a detection of it, or between two looks that agree on it."""
        return sum(self.origins[origin] for origin in LOOKED_AT)


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Run of frames in which a track was redacted without a detection.

    Attributes:
        length: length in frames.
        source: id of the track's source.
        track: track id within the source.
        start: first frame of the run.
    """

    length: int
    source: int
    track: int
    start: int


@dataclass(frozen=True, slots=True)
class BlankedRun:
    """Run of black frames: they could not be analysed, or still showed a residual.

    Attributes:
        source: id of the source.
        start, stop: Half-open range of frames ``[start, stop)``.
        reason: why they are black; None if it is not known.
    """

    source: int
    start: int
    stop: int
    reason: BlankReason | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Number of redacted boxes in every written frame, in order; a few bytes per frame.

    Attributes:
        detected_faces: detected faces.
        inferred_faces: faces inferred from their track only: filled, followed or extended.
        text_and_plates: text and plates, which are detected at intervals and inferred in between.
        regions: regions marked, moved or added by hand.
        blanked: 1 if the frame is black, else 0.
        frame_indices: index of the frame in its source.
    """

    detected_faces: array[int] = field(default_factory=lambda: array("H"))
    inferred_faces: array[int] = field(default_factory=lambda: array("H"))
    text_and_plates: array[int] = field(default_factory=lambda: array("H"))
    regions: array[int] = field(default_factory=lambda: array("H"))
    blanked: array[int] = field(default_factory=lambda: array("B"))
    frame_indices: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, frame: RedactedFrame) -> None:
        """Append a frame."""
        detected = [
            box for box in frame.boxes if box.origin in DETECTOR_ORIGINS or box.origin is Origin.RESIDUAL
        ]
        faces = [box for box in detected if box.kind is TargetKind.FACE]
        inferred = sum(box.origin in INFERRED for box in faces)
        self.detected_faces.append(min(len(faces) - inferred, _MAX_COUNT))
        self.inferred_faces.append(min(inferred, _MAX_COUNT))
        self.text_and_plates.append(min(len(detected) - len(faces), _MAX_COUNT))
        self.regions.append(min(len(frame.boxes) - len(detected), _MAX_COUNT))
        self.blanked.append(frame.blanked)
        self.frame_indices.append(frame.index)

    def __len__(self) -> int:
        return len(self.blanked)


class ReportEvidence:
    """Collector of report data; frames are added in the order in which they are written.

    Gaps and tracks are those of faces. Text and plates are detected at intervals, so gaps in their tracks
    are meaningless.

    Attributes:
        timeline: redacted boxes per frame.
        residual_counts: counts of the residual check.
        blanked_runs: runs of black frames.
        gap_count: number of filled gaps.
        inferred: redacted faces without a detection in their own frame, by origin.
        plates_by_shape: redacted plates recognised by the shape of their text.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.residual_counts = CheckCounts()
        self.blanked_runs: list[BlankedRun] = []
        self.gap_count = 0
        self.inferred: Counter[Origin] = Counter()
        self.plates_by_shape = 0
        self._tracks: dict[tuple[int, int], TrackEvidence] = {}
        self._open_gaps: dict[tuple[int, int], Gap] = {}
        self._longest_gaps: list[Gap] = []
        self._with_thumbnail: list[TrackEvidence] = []

    def add(self, source_id: int, frame: RedactedFrame) -> None:
        """Add a written frame with its index and track ids as in the manifest."""
        self.timeline.add(frame)
        if frame.check:
            self.residual_counts.add(frame.check)
        if frame.blanked:
            self._add_blank(source_id, frame.index, frame.blank_reason)
        for box in frame.boxes:
            self.plates_by_shape += box.basis is Basis.SHAPE
            if box.track is None or box.kind is not TargetKind.FACE:
                continue
            key = source_id, box.track
            track = self._tracks.get(key)
            if track is None:
                track = self._tracks[key] = TrackEvidence(source_id, box.track, frame.index, frame.index)
            track.add(frame.index, box)
            self.inferred[box.origin] += box.origin in INFERRED
            self._update_gap(key, frame.index, filled=box.origin is Origin.FILLED)
        for thumbnail in frame.thumbnails:
            self._store_thumbnail(self._tracks[source_id, thumbnail.track], thumbnail.data)

    @property
    def track_count(self) -> int:
        """Number of tracks of faces."""
        return len(self._tracks)

    @property
    def thumbnail_count(self) -> int:
        """Number of thumbnails held."""
        return len(self._with_thumbnail)

    def longest_gaps(self) -> Sequence[Gap]:
        """Return the longest gaps, the longest first."""
        gaps = heapq.nlargest(MAX_TABLE_ROWS, [*self._longest_gaps, *self._open_gaps.values()])
        return sorted(gaps, key=lambda gap: (-gap.length, gap.source, gap.start, gap.track))

    def weakest_tracks(self) -> Sequence[TrackEvidence]:
        """Return the tracks with the lowest best score, then the fewest detections, the weakest first."""
        return heapq.nsmallest(MAX_TABLE_ROWS, self._tracks.values(), _evidence_strength)

    def tracks_of(self, source_id: int) -> Sequence[TrackEvidence]:
        """Return all tracks of a source."""
        return [track for track in self._tracks.values() if track.source == source_id]

    def _store_thumbnail(self, track: TrackEvidence, thumbnail: bytes) -> None:
        """Store the first thumbnail of a track; drop those of stronger tracks when there are too many."""
        if track.thumbnail is not None:
            return
        track.thumbnail = thumbnail
        self._with_thumbnail.append(track)
        if len(self._with_thumbnail) > MAX_THUMBNAILS:
            self._with_thumbnail.sort(key=_evidence_strength)
            for stronger in self._with_thumbnail[MAX_THUMBNAILS // 2 :]:
                stronger.thumbnail = None
            del self._with_thumbnail[MAX_THUMBNAILS // 2 :]

    def _add_blank(self, source_id: int, index: int, reason: BlankReason | None) -> None:
        last = self.blanked_runs[-1] if self.blanked_runs else None
        if last and (last.source, last.stop, last.reason) == (source_id, index, reason):
            self.blanked_runs[-1] = replace(last, stop=index + 1)
        else:
            self.blanked_runs.append(BlankedRun(source_id, index, index + 1, reason))

    def _update_gap(self, key: tuple[int, int], index: int, *, filled: bool) -> None:
        gap = self._open_gaps.get(key)
        continues = gap is not None and gap.start + gap.length == index
        if gap is not None and not (filled and continues):
            del self._open_gaps[key]
            push = heapq.heappush if len(self._longest_gaps) < MAX_TABLE_ROWS else heapq.heappushpop
            push(self._longest_gaps, gap)
        if filled:
            length, start = (gap.length, gap.start) if gap is not None and continues else (0, index)
            self.gap_count += length == 0
            self._open_gaps[key] = Gap(length + 1, *key, start)


def _evidence_strength(track: TrackEvidence) -> tuple[float, int, int, int]:
    """Return a sort key that increases with the evidence that a track is a face."""
    return track.best_score, track.detected_frames, track.source, track.track
