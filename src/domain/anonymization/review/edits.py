"""What a person changes about the boxes of a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.pipeline.render import RedactedBox
from framecloak.domain.anonymization.tracking.tracker import Origin
from framecloak.domain.errors import InvalidManifestError
from framecloak.domain.imaging.boxes import Corners
from framecloak.domain.imaging.detections import Kind


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box as a person leaves it.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` whole pixels; cut at the borders of the frame.
        kind: what it is; None for an area.
        track: what it belongs to; None for a box of its own.
    """

    xyxy: Corners
    kind: Kind | None = Kind.FACE
    track: int | None = None


@dataclass(frozen=True, slots=True)
class FrameEdit:
    """All that is to be redacted in one frame, in place of what was.

    Attributes:
        index: of the frame.
        boxes: all of them, those that stay among them.
        blanked: whether the frame is to be black; None for as it was.
    """

    index: int
    boxes: tuple[DrawnBox, ...]
    blanked: bool | None = None


def edited(table: BoxTable, edits: Iterable[FrameEdit]) -> BoxTable:
    """A table with some frames' boxes replaced.

    A box that was there stays what it was. One that is on a known track counts as edited, any other one as
    added by hand.

    Args:
        table: what was redacted.
        edits: at most one for a frame.

    Raises:
        InvalidManifestError: a frame is edited twice or is none of the table's, a box has no extent, or
            boxes are drawn into a frame that is black and not said to be so no longer.
        TooManyBoxesError: there are more than one table holds.
    """
    wanted: dict[int, FrameEdit] = {}
    for edit in edits:
        if edit.index in wanted:
            raise InvalidManifestError(f"frame {edit.index} is edited twice", "say once what to redact in it")
        wanted[edit.index] = edit
    strangers = wanted.keys() - set(table.frames.tolist())
    if strangers:
        raise InvalidManifestError(
            f"frame {min(strangers)} is not in the result", "edit frames of the segments that were ordered"
        )
    tracks = {(box.track, box.kind) for _, boxes in entries(table) for box in boxes or ()}
    builder = BoxTableBuilder()
    for index, before in entries(table):
        found = wanted.get(index)
        builder.add(index, before if found is None else _after(before, found, tracks))
    return builder.finish()


def _after(
    before: tuple[RedactedBox, ...] | None, edit: FrameEdit, tracks: set[tuple[int | None, Kind | None]]
) -> tuple[RedactedBox, ...] | None:
    is_blanked = before is None if edit.blanked is None else edit.blanked
    if is_blanked:
        if edit.boxes:
            raise InvalidManifestError(
                f"frame {edit.index} is black, so that there is nothing to redact in it",
                'say "blanked": false to show it with these boxes',
            )
        return None
    known = {(box.xyxy, box.kind, box.track): box for box in before or ()}
    return tuple(known.get((box.xyxy, box.kind, box.track)) or _drawn(box, tracks) for box in edit.boxes)


def _drawn(box: DrawnBox, tracks: set[tuple[int | None, Kind | None]]) -> RedactedBox:
    drawn = RedactedBox(box.xyxy, box.track, None, Origin.MANUAL, box.kind)
    if box.kind is None:
        return replace(drawn, track=None)
    is_known = box.track is not None and (box.track, box.kind) in tracks
    return replace(drawn, origin=Origin.EDITED) if is_known else drawn
