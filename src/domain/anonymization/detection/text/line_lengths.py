"""Lengths of tracked lines: a pass over blurred frames may find a part of a line that others find whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.text.line_ends import (
    MIN_LINE_RATIO,
    Edges,
    is_covered_text,
    lengthened,
)
from framecloak.domain.anonymization.model.analysis import FrameAnalysis
from framecloak.domain.anonymization.model.margins import TEXT_END_MARGIN
from framecloak.domain.anonymization.model.tracked_boxes import Tracks
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.detections import TargetKind

MIN_GROWN = 1.2
"""Thickness of a box, in that of its detection, from which on it has grown across the line."""


def with_whole_lines(
    tracks: Tracks,
    analyses: Sequence[FrameAnalysis],
    text_rows: Sequence[range],
    reach: int,
    due: range,
) -> Tracks:
    """Return tracks whose covered text is as long in each frame as any detection of its track nearby.

    A box that is shorter than one of those shows a part of the line, and nothing tells which one. It grows by
    the difference at both ends, so that it contains the line wherever it has moved, but not into text that
    stays readable. A box that already encloses where a longer detection was located does not grow. Detections
    further away do not count, so that the result does not depend on the division into slices.

    Args:
        tracks: tracks of a run of frames, with the decisions of the text policy.
        analyses: analyses of the same frames.
        text_rows: per frame, the rows of its detections, counted through all kinds, that are text.
        reach: number of frames on each side whose detections count.
        due: frames to change, by their indices in the video.
    """
    first = analyses[0].index if analyses else 0
    lines: dict[int, _Lines] = {}
    boxes = list(tracks.boxes)
    for position in range(max(0, due.start - first), min(len(boxes), due.stop - first)):
        kept = [box.xyxy for box in boxes[position] if box.text and box.text.kept]
        covered = [box for box in boxes[position] if is_covered_text(box)]
        for track in {box.track for box in covered} - lines.keys():
            lines[track] = _Lines.of(tracks.members[track], analyses, text_rows)
        boxes[position] = [
            replace(box, xyxy=lines[box.track].whole(box.xyxy, position, reach, kept))
            if is_covered_text(box)
            else box
            for box in boxes[position]
        ]
    return Tracks(boxes, tracks.members)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Detections of one track that have the shape of a line.

    Attributes:
        frames: (n,) frames, counted from the first of the run.
        lengths: (n,) lengths in pixels.
        thicknesses: (n,) thicknesses in pixels.
        upright: (n,) True for those that run from top to bottom.
    """

    frames: NDArray[np.intp]
    lengths: NDArray[np.float64]
    thicknesses: NDArray[np.float64]
    upright: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        members: Sequence[tuple[int, int]],
        analyses: Sequence[FrameAnalysis],
        text_rows: Sequence[range],
    ) -> Self:
        """Return the lines among the detections of a track."""
        rows = [(frame, row - text_rows[frame].start) for frame, row in members if row in text_rows[frame]]
        boxes = [analyses[frame].detections(TargetKind.TEXT).boxes[row] for frame, row in rows]
        sides = box_geometry.sides(np.array(boxes).reshape(-1, 4))
        shorter, longer = sides.min(axis=1), sides.max(axis=1)
        is_line = longer >= MIN_LINE_RATIO * shorter
        frames = np.array([frame for frame, _ in rows], np.intp)
        return cls(frames[is_line], longer[is_line], shorter[is_line], (sides[:, 1] > sides[:, 0])[is_line])

    def whole(self, xyxy: Edges, position: int, reach: int, kept: Sequence[Edges]) -> Edges:
        """Return a box of the track in a frame, as long as the longest line nearby.

        A box that has grown across the line no longer has the shape of one; it gets the margin at its ends
        here that others get for their shape.
        """
        near = np.flatnonzero(np.abs(self.frames - position) <= reach)
        if not len(near):
            return xyxy
        longest = near[self.lengths[near].argmax()]
        upright = bool(self.upright[longest])
        width, height = xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
        length, thickness = (height, width) if upright else (width, height)
        missing = max(0.0, float(self.lengths[longest]) - length)
        detected = float(self.thicknesses[longest])
        if thickness > MIN_GROWN * detected and length + 2 * missing < MIN_LINE_RATIO * thickness:
            missing += TEXT_END_MARGIN * detected
        return lengthened(xyxy, missing, kept, upright=upright) if missing > 0 else xyxy
