"""What is known of redacted frames because they were searched again."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.tracking.tracker import Origin, TrackedBox
from framecloak.domain.imaging.boxes import Corners
from framecloak.domain.imaging.detections import Image, Kind

SAMPLED = 10
"""Of so many frames one is searched; counted in the video, so that every slice chooses alike."""


@dataclass(frozen=True, slots=True)
class Search:
    """Where a redacted frame is to be searched.

    Attributes:
        near: only around these boxes; the whole frame where there are none.
    """

    near: tuple[Corners, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all of the frame is searched."""
        return not self.near


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A removed face as it was, to compare with what is left of it. Never leaves the process.

    Attributes:
        box: what was redacted.
        area: what was cut out, the box and a little around it; inside the frame.
        image: (h, w, 3) uint8 BGR, smaller than the area where that is large.
    """

    box: Corners
    area: Corners
    image: Image


@dataclass(frozen=True, slots=True)
class Pending:
    """What a redacted frame is to be searched for, and where.

    Attributes:
        search: where.
        size: width and height of the frame.
        portraits: the faces that were removed from it.
    """

    search: Search
    size: tuple[int, int]
    portraits: tuple[Portrait, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """What came of searching one redacted frame.

    Attributes:
        whole: all of it was searched, and not only what is next to a filled gap.
        before: residual faces found in it; all that were redacted again.
        after: those found when it was searched the last time.
        similarity_before: highest cosine similarity between a removed face and what was left of it, before it
            was redacted again if it was; None where nothing was compared.
        similarity_after: the same in the frame that is delivered.
        failed: it could not be searched, and is delivered black.
    """

    whole: bool
    before: int = 0
    after: int = 0
    similarity_before: float | None = None
    similarity_after: float | None = None
    failed: bool = False

    @property
    def blanks(self) -> bool:
        """Whether the frame must be delivered black."""
        return self.failed or self.after > 0

    def row(self) -> list[Any]:
        """As a part of a result carries it."""
        return [
            self.whole,
            self.before,
            self.after,
            self.similarity_before,
            self.similarity_after,
            self.failed,
        ]

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Self:
        """Out of a part of a result."""
        return cls(*row)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of a redacted face, out of a redacted frame.

    Attributes:
        track: number of its track.
        data: a JPEG file.
    """

    track: int
    data: bytes

    def row(self) -> list[Any]:
        """As a part of a result carries it."""
        return [self.track, base64.b64encode(self.data).decode()]

    @classmethod
    def of_row(cls, row: Sequence[Any], numbers: Sequence[int]) -> Self:
        """Out of a part of a result, its track numbered through all parts."""
        return cls(numbers[row[0]], base64.b64decode(row[1]))


@dataclass(frozen=True, slots=True)
class Method:
    """How redacted frames were searched.

    Attributes:
        verify: which of them.
        threshold: lowest score of what was compared with removed faces.
        recognizer: what compared them; None where none is installed.
        strangers: the similarity that pictures of different people stay below; None without a recogniser.
    """

    verify: Verify
    threshold: float
    recognizer: str | None
    strangers: float | None


@dataclass(slots=True)
class Tally:
    """The sums of all checks.

    Attributes:
        frames: that were searched as a whole.
        near_gaps: that were searched only around faces next to a filled gap.
        residual_before, residual_after: faces found in them, before and after those were redacted again.
        similarity_before, similarity_after: the highest cosine similarity between a removed face and what is
            left of it; None where nothing was compared.
        redacted_again: frames in which something was found.
        blanked: frames that are black because something still showed, or because they could not be searched.
        failed: of these, those that could not be searched.
    """

    frames: int = 0
    near_gaps: int = 0
    residual_before: int = 0
    residual_after: int = 0
    similarity_before: float | None = None
    similarity_after: float | None = None
    redacted_again: int = 0
    blanked: int = 0
    failed: int = 0

    def add(self, check: Check) -> None:
        """Count one frame."""
        self.frames += check.whole
        self.near_gaps += not check.whole
        self.residual_before += check.before
        self.residual_after += check.after
        self.similarity_before = highest(self.similarity_before, check.similarity_before)
        self.similarity_after = highest(self.similarity_after, check.similarity_after)
        self.redacted_again += check.before > 0
        self.blanked += check.blanks
        self.failed += check.failed


@dataclass(frozen=True, slots=True)
class Proof:
    """What a second search found in the redacted frames themselves.

    Attributes:
        method: how they were searched.
        tally: what was found, in numbers.
    """

    method: Method
    tally: Tally = field(default_factory=Tally)


def highest(first: float | None, second: float | None) -> float | None:
    """The higher of two similarities, either of which may be unknown."""
    known = [one for one in (first, second) if one is not None]
    return max(known, default=None)


def searches(
    verify: Verify, first: int, boxes: Sequence[Sequence[TrackedBox]], due: range
) -> list[Search | None]:
    """Where frames are to be searched once they are redacted.

    What is next to a filled gap of a face is searched around that face only: elsewhere the frame is as sure
    as any other.

    Args:
        verify: which frames.
        first: number of the first frame that was tracked.
        boxes: what is redacted in each tracked frame; right in those that are due and their neighbours.
        due: frames to decide on.

    Returns:
        One entry for each frame that is due; None where it is not searched.
    """
    if verify is Verify.NONE:
        return [None] * len(due)
    if verify is Verify.ALL:
        return [Search()] * len(due)
    wanted: list[Search | None] = []
    for index in due:
        near = () if index % SAMPLED == 0 else _next_to_gaps(boxes, index - first)
        wanted.append(Search(near) if near or index % SAMPLED == 0 else None)
    return wanted


def _next_to_gaps(boxes: Sequence[Sequence[TrackedBox]], at: int) -> tuple[Corners, ...]:
    """Boxes of faces that are there in one frame, and only inferred in the one before or after."""
    neighbours = [boxes[place] for place in (at - 1, at + 1) if 0 <= place < len(boxes)]
    filled = {box.track for frame in neighbours for box in frame if _is_filled(box)}
    return tuple(_whole(box.xyxy) for box in boxes[at] if box.track in filled and not _is_filled(box))


def _is_filled(box: TrackedBox) -> bool:
    # Text is looked for at intervals; between them all of it is filled, and nothing is in doubt.
    return box.kind is Kind.FACE and box.origin is Origin.FILLED


def _whole(xyxy: tuple[float, float, float, float]) -> Corners:
    x1, y1, x2, y2 = (round(side) for side in xyxy)
    return x1, y1, x2, y2
