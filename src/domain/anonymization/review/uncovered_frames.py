"""Frames in which a person has uncovered something: nobody else has looked at them since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.anonymization.model.record.history import Change, Correction
from framecloak.domain.imaging.box_geometry import Corners


def uncovered_by_hand(table: BoxTable, corrections: Iterable[Correction]) -> NDArray[np.bool_]:
    """Return the frames in which something is visible that an earlier result covered.

    Those are frames that were black, and frames with a removed box that no present box contains.

    Args:
        table: redacted boxes of all frames of one source.
        corrections: all corrections of the result by hand.

    Returns:
        (f,) bool, in the order of the table's frames.
    """
    removed: defaultdict[int, set[Corners | None]] = defaultdict(set)
    for correction in corrections:
        for edit in correction.edits:
            if edit.change in {Change.REMOVED, Change.SHOWN}:
                removed[edit.frame].add(edit.xyxy)
    uncovered = np.zeros(len(table.frames), np.bool_)
    starts = table.ends - np.diff(table.ends, prepend=0)
    for row in np.flatnonzero(np.isin(table.frames, list(removed)) & ~table.blanked).tolist():
        present = table.corners[starts[row] : table.ends[row]]
        uncovered[row] = not all(_is_within(box, present) for box in removed[int(table.frames[row])])
    return uncovered


def _is_within(box: Corners | None, present: NDArray[np.int32]) -> bool:
    """Return whether one of (n, 4) boxes contains a box; a whole frame, None, is in none of them."""
    if box is None:
        return False
    contains = (present[:, :2] <= box[:2]).all(axis=1) & (present[:, 2:] >= box[2:]).all(axis=1)
    return bool(contains.any())
