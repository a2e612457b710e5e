"""Tracks that end inside the frame: the face may still be visible in the frames that follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.box_table import BoxTable
from framecloak.domain.imaging.detections import TargetKind


def ended_inside(table: BoxTable, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the frames in which a tracked face has its last box although it has not left the frame.

    A track that touches a border of the frame, or ends with its segment, before a black frame or at a cut, is
    left out. Results do not record cuts; one is assumed where all tracks end and others begin.

    Args:
        table: redacted boxes of all frames of one source.
        size: width and height of the frames in pixels.

    Returns:
        (f,) bool, in the order of the table's frames.
    """
    ended = np.zeros(len(table.frames), np.bool_)
    is_face = table.of_kind(TargetKind.FACE) & (table.tracks >= 0)
    if not is_face.any():
        return ended
    rows = np.repeat(np.arange(len(table.frames)), np.diff(table.ends, prepend=0))[is_face]
    ids, track = np.unique(table.tracks[is_face], return_inverse=True)
    first, last = np.full(len(ids), len(table.frames)), np.full(len(ids), -1)
    np.minimum.at(first, track, rows)
    np.maximum.at(last, track, rows)
    corners = table.corners[is_face]
    touches = (corners[:, :2] <= 0).any(axis=1) | (corners[:, 2:] >= size).any(axis=1)
    left = np.zeros(len(ids), np.bool_)
    left[track[touches & (rows == last[track])]] = True
    is_followed = np.append((np.diff(table.frames) == 1) & ~table.blanked[1:], False)
    ended[last[~left]] = True
    return np.asarray(ended & is_followed & ~_before_cuts(first, last, len(table.frames)))


def _before_cuts(first: NDArray[np.intp], last: NDArray[np.intp], frames: int) -> NDArray[np.bool_]:
    """Return the frames, (f,) bool, after which no track continues and another one begins.

    Args:
        first: (t,) first frame of each track.
        last: (t,) last frame of each track.
        frames: number of frames.
    """
    begun, gone = np.bincount(first, minlength=frames + 1), np.bincount(last, minlength=frames + 1)
    continuing = np.cumsum(begun)[:frames] - np.cumsum(gone)[:frames]
    return np.asarray((continuing == 0) & (begun[1:] > 0))
