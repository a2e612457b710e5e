"""What to redact in every frame of a video, decided before: a few bytes a box."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.videos.segments import Segment

MOST_BOXES = 2_000_000
"""An hour of film with twenty faces in every frame."""

MOST_FRAMES = 1_000_000
"""More than nine hours at thirty frames a second."""

LARGEST = 2**31 - 1
"""The largest coordinate, and the largest number of a track."""

_ORIGINS = tuple(Origin)
_KINDS: tuple[tuple[Kind | None, bool], ...] = (
    (None, False),
    *((kind, False) for kind in Kind),
    (Kind.PLATE, True),
)
_ORIGIN_PLACES = {origin: place for place, origin in enumerate(_ORIGINS)}
_KIND_PLACES = {kind: place for place, kind in enumerate(_KINDS)}
_HEADER = Struct("<4sII")
_MAGIC = b"FBT1"


@dataclass(frozen=True, slots=True, eq=False)
class BoxTable:
    """Boxes by frame; frames are in ascending order, boxes in the order of their frames.

    Attributes:
        frames: (f,) int64, numbers of the frames that have an entry.
        ends: (f,) int64, number of the box after the last one of each frame.
        blanked: (f,) bool, whether the frame is to be black.
        corners: (n, 4) int32, ``x1, y1, x2, y2`` whole pixels.
        tracks: (n,) int32; -1 for none.
        scores: (n,) float64; NaN for none.
        marks: (n, 2) uint8, places of origin and kind in their lists; of kinds, a plate that was told by the
            shape of its text is one of its own.
    """

    frames: NDArray[np.int64]
    ends: NDArray[np.int64]
    blanked: NDArray[np.bool_]
    corners: NDArray[np.int32]
    tracks: NDArray[np.int32]
    scores: NDArray[np.float64]
    marks: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.corners)

    def boxes(self, frame: int) -> tuple[RedactedBox, ...] | None:
        """What to redact in a frame; None when it is to be black.

        Raises:
            InvalidManifestError: nothing is said of it.
        """
        place = int(np.searchsorted(self.frames, frame))
        if place == len(self.frames) or self.frames[place] != frame:
            raise _missing(frame)
        if self.blanked[place]:
            return None
        start = int(self.ends[place - 1]) if place else 0
        return tuple(self._box(row) for row in range(start, int(self.ends[place])))

    def fitted(self, width: int, height: int) -> Self:
        """The same boxes, cut at the borders of a picture.

        Raises:
            InvalidManifestError: one lies outside altogether.
        """
        limits = np.array([width, height, width, height], np.int32)
        corners = np.clip(self.corners, 0, limits)
        empty = np.flatnonzero((corners[:, 2:] <= corners[:, :2]).any(axis=1))
        if len(empty):
            frame = int(self.frames[np.searchsorted(self.ends, empty[0], side="right")])
            box = self.corners[empty[0]].tolist()
            raise InvalidManifestError(
                f"frame {frame}: the box {box} lies outside the picture of {width}x{height} pixels",
                "move it into the picture, or remove it",
            )
        return self._with(corners=corners)

    def within(self, segments: Iterable[Segment]) -> Self:
        """The entries of the frames that are wanted, and no others.

        Raises:
            InvalidManifestError: one of those frames has none: it would be shipped as it is.
        """
        kept = np.zeros(len(self.frames), np.bool_)
        for segment in segments:
            first, last = np.searchsorted(self.frames, [segment.start_frame, segment.end_frame])
            numbers = self.frames[first:last]
            if len(numbers) < len(segment):
                wanted = np.arange(segment.start_frame, segment.start_frame + len(numbers))
                gap = np.flatnonzero(numbers != wanted)
                raise _missing(segment.start_frame + int(gap[0] if len(gap) else len(numbers)))
            kept[first:last] = True
        counts = np.diff(self.ends, prepend=0)
        rows = np.repeat(kept, counts)
        return type(self)(
            self.frames[kept],
            np.cumsum(counts[kept]),
            self.blanked[kept],
            self.corners[rows],
            self.tracks[rows],
            self.scores[rows],
            self.marks[rows],
        )

    def origins(self) -> dict[Origin, NDArray[np.bool_]]:
        """For every origin, (n,) bool: which boxes have it."""
        return {origin: self.marks[:, 0] == place for origin, place in _ORIGIN_PLACES.items()}

    def of_kind(self, kind: Kind | None) -> NDArray[np.bool_]:
        """(n,) bool: which boxes are of a kind; None for areas."""
        places = [place for place, (one, _) in enumerate(_KINDS) if one is kind]
        return np.isin(self.marks[:, 1], places)

    def packed(self) -> bytes:
        """A few bytes a box, for `unpacked`; the same table gives the same bytes."""
        header = _HEADER.pack(_MAGIC, len(self.frames), len(self.corners))
        return header + zlib.compress(b"".join(column.tobytes() for column in self._columns()), 6)

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """Undo `packed`.

        Raises:
            ValueError: these are other bytes.
        """
        magic, frames, boxes = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError("these bytes are no table of boxes")
        body = zlib.decompress(data[_HEADER.size :])
        shapes = ((frames,), (frames,), (frames,), (boxes, 4), (boxes,), (boxes,), (boxes, 2))
        types = (np.int64, np.int64, np.bool_, np.int32, np.int32, np.float64, np.uint8)
        columns, at = [], 0
        for shape, kind in zip(shapes, types, strict=True):
            count = int(np.prod(shape))
            columns.append(np.frombuffer(body, kind, count, at).reshape(shape))
            at += columns[-1].nbytes
        return cls(*columns)

    def _box(self, row: int) -> RedactedBox:
        x1, y1, x2, y2 = self.corners[row].tolist()
        origin, kind = self.marks[row].tolist()
        track, score = int(self.tracks[row]), float(self.scores[row])
        return RedactedBox(
            (x1, y1, x2, y2),
            None if track < 0 else track,
            None if np.isnan(score) else score,
            _ORIGINS[origin],
            *_KINDS[kind],
        )

    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        return self.frames, self.ends, self.blanked, self.corners, self.tracks, self.scores, self.marks

    def _with(self, corners: NDArray[np.int32]) -> Self:
        return type(self)(self.frames, self.ends, self.blanked, corners, self.tracks, self.scores, self.marks)


class BoxTableBuilder:
    """Gathers the boxes of frames, in any order of frames."""

    def __init__(self) -> None:
        self._frames, self._counts, self._blanked = array("q"), array("q"), array("B")
        self._corners, self._tracks = array("i"), array("i")
        self._scores, self._marks = array("d"), array("B")

    def add(self, frame: int, boxes: Sequence[RedactedBox] | None) -> None:
        """Say what to redact in a frame; None for a frame that is to be black.

        Raises:
            InvalidManifestError: a number is out of range.
            TooManyBoxesError: there are more than one table holds.
        """
        if not 0 <= frame <= LARGEST:
            raise InvalidManifestError(f"there is no frame {frame}", "frames are numbered from 0")
        if len(self._frames) == MOST_FRAMES or len(self._tracks) + len(boxes or ()) > MOST_BOXES:
            raise TooManyBoxesError(
                f"there are more than {MOST_BOXES} boxes or {MOST_FRAMES} frames",
                "render fewer frames at once",
            )
        self._frames.append(frame)
        self._counts.append(len(boxes or ()))
        self._blanked.append(boxes is None)
        for box in boxes or ():
            self._corners.extend(_checked(frame, box.xyxy))
            self._tracks.append(-1 if box.track is None else box.track)
            self._scores.append(np.nan if box.score is None else box.score)
            self._marks.append(_ORIGIN_PLACES[box.origin])
            self._marks.append(_KIND_PLACES[box.kind, box.by_shape])

    def finish(self) -> BoxTable:
        """The table.

        Raises:
            InvalidManifestError: a frame occurs twice.
        """
        frames = np.array(self._frames, np.int64)
        order = np.argsort(frames, kind="stable")
        ascending = frames[order]
        twice = np.flatnonzero(np.diff(ascending) == 0)
        if len(twice):
            raise InvalidManifestError(
                f"frame {ascending[twice[0]]} has two entries", "say once what to redact in it"
            )
        counts = np.array(self._counts, np.int64)
        starts = np.cumsum(counts) - counts
        rows = np.arange(len(self._tracks))
        if (order[1:] < order[:-1]).any():
            rows = np.concatenate([rows[starts[one] : starts[one] + counts[one]] for one in order])
        return BoxTable(
            ascending,
            np.cumsum(counts[order]),
            np.array(self._blanked, np.bool_)[order],
            np.array(self._corners, np.int32).reshape(-1, 4)[rows],
            np.array(self._tracks, np.int32)[rows],
            np.array(self._scores, np.float64)[rows],
            np.array(self._marks, np.uint8).reshape(-1, 2)[rows],
        )


def entries(table: BoxTable) -> Iterator[tuple[int, tuple[RedactedBox, ...] | None]]:
    """Every frame of a table with what to redact in it, in order."""
    for frame in table.frames.tolist():
        yield frame, table.boxes(frame)


def _checked(frame: int, xyxy: bx.Corners) -> bx.Corners:
    x1, y1, x2, y2 = xyxy
    if not (x1 < x2 and y1 < y2):
        raise InvalidManifestError(
            f"frame {frame}: the box {list(xyxy)} has no extent", "give left, top, right, bottom in pixels"
        )
    if min(x1, y1) < -LARGEST or max(x2, y2) > LARGEST:
        raise InvalidManifestError(
            f"frame {frame}: no picture is as large as the box {list(xyxy)}", "correct its corners"
        )
    return xyxy


def _missing(frame: int) -> InvalidManifestError:
    return InvalidManifestError(
        f"frame {frame} has no entry, so nobody knows what to redact in it",
        'give it one; with "boxes": [] and "blanked": false it is written as it is',
    )
