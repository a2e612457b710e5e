"""Residual check of redacted frames: scope, pending work, results and totals."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import Image, TargetKind

SAMPLE_INTERVAL = 10
"""Sampling interval in frames; it counts in the video, so that every slice samples the same frames."""


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Part of a redacted frame that the residual check searches.

    Attributes:
        near: boxes to search around; empty to search the whole frame.
    """

    near: tuple[Corners, ...] = ()

    @property
    def whole(self) -> bool:
        """True if the whole frame is searched."""
        return not self.near


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """Crop of a removed face, for comparison with residuals. It never leaves the process.

    Attributes:
        box: redacted box.
        region: cropped region: the box and a margin, inside the frame.
        image: (h, w, 3) uint8 BGR, scaled down if the region is large.
    """

    box: Corners
    region: Corners
    image: Image


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """Outstanding residual check of a frame.

    Attributes:
        scope: part of the frame to search.
        size: width and height of the frame in stored pixels.
        display_size: width and height of the frame in square pixels.
        face_crops: crops of the faces that were removed from it.
    """

    scope: SearchScope
    size: tuple[int, int]
    display_size: tuple[int, int]
    face_crops: tuple[FaceCrop, ...]


@dataclass(frozen=True, slots=True)
class FrameCheck:
    """Result of the residual check of one frame.

    Attributes:
        whole: True if the whole frame was searched, not only around faces next to a filled gap.
        before: number of residual faces found in any round; all of them were redacted again.
        after: number found in the last round.
        similarity_before: highest cosine similarity between a removed face and its residual, before any
            further redaction; None if nothing was compared.
        similarity_after: highest cosine similarity in the delivered frame; None if nothing was compared.
        failed: True if the frame could not be searched; it is delivered black.
    """

    whole: bool
    before: int = 0
    after: int = 0
    similarity_before: float | None = None
    similarity_after: float | None = None
    failed: bool = False

    @property
    def blanks(self) -> bool:
        """True if the frame must be delivered black."""
        return self.failed or self.after > 0

    def to_row(self) -> list[Any]:
        """Return the row for the part of a result."""
        return [
            self.whole,
            self.before,
            self.after,
            self.similarity_before,
            self.similarity_after,
            self.failed,
        ]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Build the check from a row of a part."""
        return cls(*row)


@dataclass(frozen=True, slots=True)
class FaceThumbnail:
    """Thumbnail of a redacted face, cut from the redacted frame.

    Attributes:
        track: track id.
        data: JPEG file.
    """

    track: int
    data: bytes

    def to_row(self) -> list[Any]:
        """Return the row for the part of a result."""
        return [self.track, base64.b64encode(self.data).decode()]

    @classmethod
    def from_row(cls, row: Sequence[Any], track_ids: Sequence[int]) -> Self:
        """Build the thumbnail from a row of a part.

        Args:
            row: row as returned by ``to_row``.
            track_ids: track ids in the whole result, by the ids within the part.
        """
        return cls(track_ids[row[0]], base64.b64decode(row[1]))


@dataclass(frozen=True, slots=True)
class CheckMethod:
    """Method of the residual check.

    Attributes:
        verify: frames that are checked.
        threshold: lowest detection score of faces that are compared with removed faces.
        recognizer: name of the recogniser that compares them; None if none is installed.
        strangers: similarity that images of different people stay below; None without a recogniser.
    """

    verify: Verify
    threshold: float
    recognizer: str | None
    strangers: float | None


@dataclass(slots=True)
class CheckCounts:
    """Totals of all residual checks.

    Attributes:
        frames: number of frames that were searched as a whole.
        near_gaps: number of frames that were searched only around faces next to a filled gap.
        residual_before, residual_after: number of faces found, before and after further redaction.
        similarity_before, similarity_after: highest cosine similarity between a removed face and its
            residual; None if nothing was compared.
        redacted_again: number of frames with residual faces.
        blanked: number of frames that are black because residuals remained or the search failed.
        failed: number of frames that are black because the search failed.
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

    def add(self, check: FrameCheck) -> None:
        """Add the result of one frame."""
        self.frames += check.whole
        self.near_gaps += not check.whole
        self.residual_before += check.before
        self.residual_after += check.after
        self.similarity_before = max_similarity(self.similarity_before, check.similarity_before)
        self.similarity_after = max_similarity(self.similarity_after, check.similarity_after)
        self.redacted_again += check.before > 0
        self.blanked += check.blanks
        self.failed += check.failed


@dataclass(frozen=True, slots=True)
class ResidualSummary:
    """Summary of the residual check.

    Attributes:
        method: method of the check.
        counts: totals.
    """

    method: CheckMethod
    counts: CheckCounts = field(default_factory=CheckCounts)


def max_similarity(first: float | None, second: float | None) -> float | None:
    """Return the higher of two similarities, either of which may be unknown."""
    known = [similarity for similarity in (first, second) if similarity is not None]
    return max(known, default=None)


class _Box(Protocol):
    """Box of a frame, tracked or redacted."""

    @property
    def xyxy(self) -> tuple[float, float, float, float]: ...
    @property
    def track(self) -> int | None: ...
    @property
    def kind(self) -> TargetKind | None: ...
    @property
    def origin(self) -> Origin: ...


def plan_search_scopes(
    verify: Verify, first: int, boxes: Sequence[Sequence[_Box]], due: range
) -> list[SearchScope | None]:
    """Return which part of each redacted frame the residual check searches.

    A frame next to a filled gap of a face is searched only around that face: the rest of the frame is no less
    certain than any other frame.

    Args:
        verify: frames to check.
        first: index of the first tracked frame.
        boxes: redacted boxes of each tracked frame; must be final for the frames that are due and their
            neighbours.
        due: indices of the frames to decide on.

    Returns:
        One entry per frame that is due; None if it is not searched.
    """
    if verify is Verify.NONE:
        return [None] * len(due)
    if verify is Verify.ALL:
        return [SearchScope()] * len(due)
    scopes: list[SearchScope | None] = []
    for index in due:
        near = () if index % SAMPLE_INTERVAL == 0 else _boxes_next_to_gaps(boxes, index - first)
        scopes.append(SearchScope(near) if near or index % SAMPLE_INTERVAL == 0 else None)
    return scopes


def _boxes_next_to_gaps(boxes: Sequence[Sequence[_Box]], index: int) -> tuple[Corners, ...]:
    """Return the boxes of faces in a frame that are interpolated in the one before or after."""
    neighbours = [boxes[adjacent] for adjacent in (index - 1, index + 1) if 0 <= adjacent < len(boxes)]
    filled = {box.track for frame in neighbours for box in frame if _is_filled(box)}
    return tuple(_rounded(box.xyxy) for box in boxes[index] if box.track in filled and not _is_filled(box))


def _is_filled(box: _Box) -> bool:
    # Text is detected at intervals; between them all of it is interpolated, which is no sign of doubt.
    return box.kind is TargetKind.FACE and box.origin is Origin.FILLED


def _rounded(xyxy: tuple[float, float, float, float]) -> Corners:
    x1, y1, x2, y2 = (round(side) for side in xyxy)
    return x1, y1, x2, y2
