"""Edits that a reviewer makes to the boxes of a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from framecloak.domain.anonymization.model.box_table import BoxTable, BoxTableBuilder, entries
from framecloak.domain.anonymization.model.frames import RedactedBox
from framecloak.domain.anonymization.model.record.history import BoxEdit, Change
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.errors import InvalidManifestError
from framecloak.domain.imaging.box_geometry import Corners
from framecloak.domain.imaging.detections import TargetKind


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box drawn or kept by a reviewer.

    Attributes:
        xyxy: ``x1, y1, x2, y2`` in whole pixels; clipped to the frame.
        kind: kind of object; None for a region.
        track: track id; None for a box without a track.
        reason: code of the reason for a new box; None for that of the frame's edit.
    """

    xyxy: Corners
    kind: TargetKind | None = TargetKind.FACE
    track: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FrameEdit:
    """Complete set of redacted boxes of one frame, replacing the previous boxes.

    Attributes:
        index: frame index.
        boxes: all boxes, including those that stay unchanged.
        blanked: True if the frame becomes black; None keeps the current state.
        reason: code of the reason for all changes that have no reason of their own; None without one.
    """

    index: int
    boxes: tuple[DrawnBox, ...]
    blanked: bool | None = None
    reason: str | None = None

    @property
    def reasons(self) -> frozenset[str]:
        """All reasons that the edit gives."""
        return frozenset(reason for reason in (self.reason, *(box.reason for box in self.boxes)) if reason)


def apply_edits(table: BoxTable, edits: Iterable[FrameEdit]) -> BoxTable:
    """Return a copy of a table with the boxes of some frames replaced.

    An unchanged box keeps its origin. A new box on an existing track gets the origin "edited", any other new
    box the origin "manual".

    Args:
        table: current boxes.
        edits: at most one edit for each frame.

    Raises:
        InvalidManifestError: a frame is edited twice or is not in the table, a box has no extent, or boxes
            are drawn in a frame that is black and stays black.
        TooManyBoxesError: there are more boxes than one table can hold.
    """
    edit_by_frame: dict[int, FrameEdit] = {}
    for edit in edits:
        if edit.index in edit_by_frame:
            raise InvalidManifestError(f"frame {edit.index} is edited twice", "send one edit for each frame")
        edit_by_frame[edit.index] = edit
    unknown = edit_by_frame.keys() - set(table.frames.tolist())
    if unknown:
        raise InvalidManifestError(
            f"frame {min(unknown)} is not in the result", "edit frames of the segments that were requested"
        )
    tracks = {(box.track, box.kind) for _, boxes in entries(table) for box in boxes or ()}
    builder = BoxTableBuilder()
    for index, before in entries(table):
        frame_edit = edit_by_frame.get(index)
        builder.add(index, before if frame_edit is None else _edited_boxes(before, frame_edit, tracks))
    return builder.finish()


def record_edits(before: BoxTable, after: BoxTable, edits: Iterable[FrameEdit]) -> tuple[BoxEdit, ...]:
    """Return every change that some edits made, for the history of the result, ordered by frame.

    Args:
        before: boxes before the edits.
        after: boxes after them, of the same frames.
        edits: the edits.
    """
    changes: list[BoxEdit] = []
    for edit in sorted(edits, key=lambda each: each.index):
        old, new = before.boxes(edit.index), after.boxes(edit.index)
        if (old is None) is not (new is None):
            change = Change.BLANKED if new is None else Change.SHOWN
            changes.append(BoxEdit(edit.index, change, reason=edit.reason))
        reasons = {(box.xyxy, box.kind, box.track): box.reason for box in edit.boxes}
        known, wanted = ({_key(box): box for box in boxes or ()} for boxes in (old, new))
        changes += [
            BoxEdit.of_box(edit.index, Change.REMOVED, box, edit.reason)
            for key, box in known.items()
            if key not in wanted
        ]
        changes += [
            BoxEdit.of_box(edit.index, Change.ADDED, box, reasons.get(key) or edit.reason)
            for key, box in wanted.items()
            if key not in known
        ]
    return tuple(changes)


def _key(box: RedactedBox) -> tuple[Corners, TargetKind | None, int | None]:
    return box.xyxy, box.kind, box.track


def _edited_boxes(
    before: tuple[RedactedBox, ...] | None, edit: FrameEdit, tracks: set[tuple[int | None, TargetKind | None]]
) -> tuple[RedactedBox, ...] | None:
    is_blanked = before is None if edit.blanked is None else edit.blanked
    if is_blanked:
        if edit.boxes:
            raise InvalidManifestError(
                f"frame {edit.index} is black, so there is nothing to redact in it",
                'set "blanked": false to show it with these boxes',
            )
        return None
    known = {(box.xyxy, box.kind, box.track): box for box in before or ()}
    return tuple(
        known.get((box.xyxy, box.kind, box.track)) or _redacted_box(box, tracks) for box in edit.boxes
    )


def _redacted_box(box: DrawnBox, tracks: set[tuple[int | None, TargetKind | None]]) -> RedactedBox:
    drawn = RedactedBox(box.xyxy, box.track, None, Origin.MANUAL, box.kind)
    if box.kind is None:
        return replace(drawn, track=None)
    is_known = box.track is not None and (box.track, box.kind) in tracks
    return replace(drawn, origin=Origin.EDITED) if is_known else drawn
