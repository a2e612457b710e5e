"""Compact table of known boxes for every frame of a video, with a few bytes per box."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.errors import InvalidManifestError, TooManyBoxesError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.model.segments import Segment

MAX_BOXES = 2_000_000
"""Largest number of boxes in a table: an hour of video with twenty faces in every frame."""

MAX_FRAMES = 1_000_000
"""Largest number of frames in a table: more than nine hours at thirty frames per second."""

MAX_INT32 = 2**31 - 1
"""Largest coordinate, frame index and track id."""

_ORIGINS = tuple(Origin)
_KINDS: tuple[tuple[TargetKind | None, bool], ...] = (
    (None, False),
    *((kind, False) for kind in TargetKind),
    (TargetKind.PLATE, True),
)
_ORIGIN_CODES = {origin: position for position, origin in enumerate(_ORIGINS)}
_KIND_CODES = {kind: position for position, kind in enumerate(_KINDS)}
_DIRECTION_STEP = 45
_HEADER = Struct("<4sII")
_MAGIC = b"FBT2"


@dataclass(frozen=True, slots=True, eq=False)
class BoxTable:
    """Boxes by frame; frames are in ascending order, boxes in the order of their frames.

    Attributes:
        frames: (f,) int64, indices of the frames that have an entry.
        ends: (f,) int64, end (exclusive) of each frame's boxes.
        blanked: (f,) bool, True for frames to be delivered black.
        corners: (n, 4) int32, ``x1, y1, x2, y2`` in whole pixels.
        tracks: (n,) int32, track ids; -1 for none.
        scores: (n,) float64; NaN for none.
        codes: (n, 3) uint8, codes of origin and kind, and direction in steps of 45 degrees; a plate inferred
            from the shape of its text has a kind code of its own.
    """

    frames: NDArray[np.int64]
    ends: NDArray[np.int64]
    blanked: NDArray[np.bool_]
    corners: NDArray[np.int32]
    tracks: NDArray[np.int32]
    scores: NDArray[np.float64]
    codes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.corners)

    def boxes(self, frame: int) -> tuple[RedactedBox, ...] | None:
        """Return the boxes to redact in a frame; None if the frame is to be black.

        Raises:
            InvalidManifestError: the frame has no entry.
        """
        index = int(np.searchsorted(self.frames, frame))
        if index == len(self.frames) or self.frames[index] != frame:
            raise _missing_entry(frame)
        if self.blanked[index]:
            return None
        start = int(self.ends[index - 1]) if index else 0
        return tuple(self._box(row) for row in range(start, int(self.ends[index])))

    def clipped_to(self, width: int, height: int) -> Self:
        """Return a table whose boxes are clipped to the frame.

        Raises:
            InvalidManifestError: a box lies entirely outside.
        """
        limits = np.array([width, height, width, height], np.int32)
        corners = np.clip(self.corners, 0, limits)
        empty = np.flatnonzero((corners[:, 2:] <= corners[:, :2]).any(axis=1))
        if len(empty):
            frame = int(self.frames[np.searchsorted(self.ends, empty[0], side="right")])
            box = self.corners[empty[0]].tolist()
            raise InvalidManifestError(
                f"frame {frame}: the box {box} lies outside the frame of {width}x{height} pixels",
                "move it into the frame, or remove it",
            )
        return self._with(corners=corners)

    def restricted_to(self, segments: Iterable[Segment]) -> Self:
        """Return a table that is restricted to the frames of some segments.

        Raises:
            InvalidManifestError: one of those frames has no entry; it would be delivered unredacted.
        """
        selected = np.zeros(len(self.frames), np.bool_)
        for segment in segments:
            first, last = np.searchsorted(self.frames, [segment.start_frame, segment.end_frame])
            numbers = self.frames[first:last]
            if len(numbers) < len(segment):
                expected = np.arange(segment.start_frame, segment.start_frame + len(numbers))
                gap = np.flatnonzero(numbers != expected)
                raise _missing_entry(segment.start_frame + int(gap[0] if len(gap) else len(numbers)))
            selected[first:last] = True
        counts = np.diff(self.ends, prepend=0)
        rows = np.repeat(selected, counts)
        return type(self)(
            self.frames[selected],
            np.cumsum(counts[selected]),
            self.blanked[selected],
            self.corners[rows],
            self.tracks[rows],
            self.scores[rows],
            self.codes[rows],
        )

    def origins(self) -> dict[Origin, NDArray[np.bool_]]:
        """Return, for every origin, which boxes have it, as (n,) bool."""
        return {origin: self.codes[:, 0] == code for origin, code in _ORIGIN_CODES.items()}

    def of_kind(self, kind: TargetKind | None) -> NDArray[np.bool_]:
        """Return which boxes are of a kind, as (n,) bool; None selects regions."""
        codes = [code for code, (coded_kind, _) in enumerate(_KINDS) if coded_kind is kind]
        return np.isin(self.codes[:, 1], codes)

    def packed(self) -> bytes:
        """Serialise the table for `unpacked`; equal tables give equal bytes."""
        header = _HEADER.pack(_MAGIC, len(self.frames), len(self.corners))
        return header + zlib.compress(b"".join(column.tobytes() for column in self._columns()), 6)

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        """Deserialise the result of `packed`.

        Raises:
            ValueError: the bytes are not a packed table.
        """
        magic, frames, boxes = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError("not a packed table of boxes")
        body = zlib.decompress(data[_HEADER.size :])
        shapes = ((frames,), (frames,), (frames,), (boxes, 4), (boxes,), (boxes,), (boxes, 3))
        types = (np.int64, np.int64, np.bool_, np.int32, np.int32, np.float64, np.uint8)
        columns, offset = [], 0
        for shape, kind in zip(shapes, types, strict=True):
            count = int(np.prod(shape))
            columns.append(np.frombuffer(body, kind, count, offset).reshape(shape))
            offset += columns[-1].nbytes
        return cls(*columns)

    def _box(self, row: int) -> RedactedBox:
        x1, y1, x2, y2 = self.corners[row].tolist()
        origin, kind_code, direction = self.codes[row].tolist()
        kind, by_shape = _KINDS[kind_code]
        track, score = int(self.tracks[row]), float(self.scores[row])
        return RedactedBox(
            (x1, y1, x2, y2),
            None if track < 0 else track,
            None if np.isnan(score) else score,
            _ORIGINS[origin],
            kind,
            by_shape,
            direction * _DIRECTION_STEP,
        )

    def _columns(self) -> tuple[NDArray[np.generic], ...]:
        return self.frames, self.ends, self.blanked, self.corners, self.tracks, self.scores, self.codes

    def _with(self, corners: NDArray[np.int32]) -> Self:
        return type(self)(self.frames, self.ends, self.blanked, corners, self.tracks, self.scores, self.codes)


class BoxTableBuilder:
    """Builder of a box table; frames may be added in any order."""

    def __init__(self) -> None:
        self._frames, self._counts, self._blanked = array("q"), array("q"), array("B")
        self._corners, self._tracks = array("i"), array("i")
        self._scores, self._codes = array("d"), array("B")

    def add(self, frame: int, boxes: Sequence[RedactedBox] | None) -> None:
        """Add the boxes to redact in a frame; None for a frame that is to be black.

        Raises:
            InvalidManifestError: a number is out of range.
            TooManyBoxesError: the table is full.
        """
        if not 0 <= frame <= MAX_INT32:
            raise InvalidManifestError(f"there is no frame {frame}", "frames are numbered from 0")
        if len(self._frames) == MAX_FRAMES or len(self._tracks) + len(boxes or ()) > MAX_BOXES:
            raise TooManyBoxesError(
                f"there are more than {MAX_BOXES} boxes or {MAX_FRAMES} frames",
                "render fewer frames at once",
            )
        self._frames.append(frame)
        self._counts.append(len(boxes or ()))
        self._blanked.append(boxes is None)
        for box in boxes or ():
            self._corners.extend(_checked(frame, box.xyxy))
            self._tracks.append(-1 if box.track is None else box.track)
            self._scores.append(np.nan if box.score is None else box.score)
            self._codes.append(_ORIGIN_CODES[box.origin])
            self._codes.append(_KIND_CODES[box.kind, box.by_shape])
            self._codes.append(box.direction // _DIRECTION_STEP)

    def finish(self) -> BoxTable:
        """Return the table.

        Raises:
            InvalidManifestError: a frame occurs twice.
        """
        frames = np.array(self._frames, np.int64)
        order = np.argsort(frames, kind="stable")
        ascending = frames[order]
        duplicates = np.flatnonzero(np.diff(ascending) == 0)
        if len(duplicates):
            raise InvalidManifestError(
                f"frame {ascending[duplicates[0]]} has two entries", "give each frame one entry"
            )
        counts = np.array(self._counts, np.int64)
        starts = np.cumsum(counts) - counts
        rows = np.arange(len(self._tracks))
        if (order[1:] < order[:-1]).any():
            rows = np.concatenate([rows[starts[row] : starts[row] + counts[row]] for row in order])
        return BoxTable(
            ascending,
            np.cumsum(counts[order]),
            np.array(self._blanked, np.bool_)[order],
            np.array(self._corners, np.int32).reshape(-1, 4)[rows],
            np.array(self._tracks, np.int32)[rows],
            np.array(self._scores, np.float64)[rows],
            np.array(self._codes, np.uint8).reshape(-1, 3)[rows],
        )


def entries(table: BoxTable) -> Iterator[tuple[int, tuple[RedactedBox, ...] | None]]:
    """Yield every frame of a table with the boxes to redact in it, in order."""
    for frame in table.frames.tolist():
        yield frame, table.boxes(frame)


def _checked(frame: int, xyxy: box_geometry.Corners) -> box_geometry.Corners:
    x1, y1, x2, y2 = xyxy
    if not (x1 < x2 and y1 < y2):
        raise InvalidManifestError(
            f"frame {frame}: the box {list(xyxy)} has no extent", "give left, top, right, bottom in pixels"
        )
    if min(x1, y1) < -MAX_INT32 or max(x2, y2) > MAX_INT32:
        raise InvalidManifestError(
            f"frame {frame}: the box {list(xyxy)} is larger than any frame", "correct its corners"
        )
    return xyxy


def _missing_entry(frame: int) -> InvalidManifestError:
    return InvalidManifestError(
        f"frame {frame} has no entry, so it is unknown what to redact in it",
        'add one; with "boxes": [] and "blanked": false the frame is written unchanged',
    )
