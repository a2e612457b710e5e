"""Stable track ids across the blocks and slices that a track passes through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from framecloak.domain.anonymization.model.analysis import DetectionKey
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks


@dataclass(frozen=True, slots=True)
class TrackBoundaries:
    """Detections that connect the tracks of a slice with those of its neighbours.

    Attributes:
        heads: for each track, by its id within the slice, its detections near the start of the slice.
        tails: ids within the slice, by detections near its end.
    """

    heads: tuple[tuple[DetectionKey, ...], ...]
    tails: Mapping[DetectionKey, int]


class TrackIds:
    """Assigner of ids that stay the same in every block that a track passes through.

    A block is tracked with margins, so neighbouring blocks share some of their detections. Tracks that share
    a detection get the same id.

    Args:
        reach: number of frames after the delivered ones within which an association may still change.
        start: index in the video of the first delivered frame.
    """

    def __init__(self, reach: int, start: int) -> None:
        self._reach = reach
        self._start = start
        self._ids: dict[DetectionKey, int] = {}
        self._heads: list[set[DetectionKey]] = []

    def with_ids(self, tracks: Tracks, first: int, due: range) -> list[list[TrackedBox]]:
        """Return the boxes of the frames that are due, with track ids that are valid for the whole run.

        Args:
            tracks: tracks of a run of frames.
            first: index in the video of the run's first frame.
            due: frames to deliver, by their indices in the video.
        """
        ids: dict[int, int] = {}
        delivered = []
        for index in due:
            boxes = sorted(tracks.boxes[index - first], key=lambda box: box.xyxy)
            for box in boxes:
                if box.track not in ids:
                    members = tracks.members[box.track]
                    ids[box.track] = self._id([(first + t, row) for t, row in members], due)
            delivered.append([replace(box, track=ids[box.track]) for box in boxes])
        oldest = due.stop - self._reach
        self._ids = {key: track_id for key, track_id in self._ids.items() if key[0] >= oldest}
        return delivered

    def boundaries(self) -> TrackBoundaries:
        """Return the detections that connect the run with its neighbours."""
        return TrackBoundaries(tuple(tuple(sorted(head)) for head in self._heads), dict(self._ids))

    def _id(self, members: Sequence[DetectionKey], due: range) -> int:
        """Return the id of the track with these detections, and remember it for the next block."""
        track_id = min((self._ids[key] for key in members if key in self._ids), default=len(self._heads))
        if track_id == len(self._heads):
            self._heads.append(set())
        # Associations further ahead may change once more of the video is analysed.
        settled = [key for key in members if key[0] < due.stop + self._reach]
        self._ids.update(dict.fromkeys(settled, track_id))
        self._heads[track_id].update(key for key in members if key[0] < self._start + self._reach)
        return track_id


class TrackIdMerger:
    """Merger of the track ids of consecutive slices into ids for the whole range of frames.

    The result equals the ids that the range would have had if it had been processed as one slice.

    Args:
        first: id of the first track.

    Attributes:
        next_id: id of the next new track.
    """

    def __init__(self, first: int = 0) -> None:
        self.next_id = first
        self._known: Mapping[DetectionKey, int] = {}

    def merge(self, boundaries: TrackBoundaries) -> list[int]:
        """Return the merged id of each track of the next slice."""
        ids = []
        for head in boundaries.heads:
            track_id = min((self._known[key] for key in head if key in self._known), default=self.next_id)
            self.next_id = max(self.next_id, track_id + 1)
            ids.append(track_id)
        self._known = {key: ids[track_id] for key, track_id in boundaries.tails.items()}
        return ids
