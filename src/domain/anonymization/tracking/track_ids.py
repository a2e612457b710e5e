"""One number for a track, through all blocks and slices that it passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from framecloak.domain.anonymization.tracking.tracker import TrackedBox, Tracks

Detection: TypeAlias = tuple[int, int]
"""Number of a frame in the video, and which of its detections."""


@dataclass(frozen=True, slots=True)
class TrackLinks:
    """How the tracks of a slice hang together with those before and behind it.

    Attributes:
        heads: for each track, by its number within the slice, its detections near the slice's beginning.
        tails: numbers within the slice by detections near its end.
    """

    heads: tuple[tuple[Detection, ...], ...]
    tails: Mapping[Detection, int]


class TrackNumbers:
    """Gives a track the same number in every block it passes through.

    A block is tracked with margins, so neighbouring blocks see some of the same detections; those tell
    which tracks are the same.

    Args:
        reach: how many frames behind what is delivered a link may still change.
        start: number in the video of the first frame that is delivered.
    """

    def __init__(self, reach: int, start: int) -> None:
        self._reach = reach
        self._start = start
        self._known: dict[Detection, int] = {}
        self._heads: list[set[Detection]] = []

    def numbered(self, tracks: Tracks, first: int, due: range) -> list[list[TrackedBox]]:
        """The boxes of the frames that are due, with numbers that hold for the whole run.

        Args:
            tracks: of a run of frames.
            first: number in the video of the run's first frame.
            due: the frames to deliver, in the video's numbers.
        """
        numbers: dict[int, int] = {}
        delivered = []
        for index in due:
            boxes = sorted(tracks.boxes[index - first], key=lambda box: box.xyxy)
            for box in boxes:
                if box.track not in numbers:
                    members = tracks.members[box.track]
                    numbers[box.track] = self._number([(first + t, row) for t, row in members], due)
            delivered.append([replace(box, track=numbers[box.track]) for box in boxes])
        oldest = due.stop - self._reach
        self._known = {key: number for key, number in self._known.items() if key[0] >= oldest}
        return delivered

    def links(self) -> TrackLinks:
        """What connects the run with its neighbours."""
        return TrackLinks(tuple(tuple(sorted(head)) for head in self._heads), dict(self._known))

    def _number(self, members: Sequence[Detection], due: range) -> int:
        number = min((self._known[key] for key in members if key in self._known), default=len(self._heads))
        if number == len(self._heads):
            self._heads.append(set())
        # Links further ahead may still change when more of the video is known.
        certain = [key for key in members if key[0] < due.stop + self._reach]
        self._known.update(dict.fromkeys(certain, number))
        self._heads[number].update(key for key in members if key[0] < self._start + self._reach)
        return number


class TrackChain:
    """Numbers the tracks of a whole stretch from those within its slices, one slice after the other.

    They are the numbers that the stretch would have had, had it been done in one go.

    Args:
        first: number of the first track.

    Attributes:
        following: number of the next track that is new.
    """

    def __init__(self, first: int = 0) -> None:
        self.following = first
        self._known: Mapping[Detection, int] = {}

    def numbers(self, links: TrackLinks) -> list[int]:
        """The number of each track of the next slice."""
        own = []
        for head in links.heads:
            number = min((self._known[key] for key in head if key in self._known), default=self.following)
            self.following = max(self.following, number + 1)
            own.append(number)
        self._known = {key: own[number] for key, number in links.tails.items()}
        return own
