"""Boxes propagated from other frames by template matching, and their effect on the redacted boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import PropagatedBoxes
from framecloak.domain.anonymization.model.margins import UNSEEN_MARGIN
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

Propagation: TypeAlias = tuple[int, Boxes]
"""Frame index, and box (4,) in that frame of a detection in another; NaN if its template was not found."""


class Propagations:
    """Propagated boxes grouped by detection.

    Args:
        propagated: propagated boxes of each frame.
        firsts: (frames,) index of each frame's first detection, counted through all frames.
    """

    def __init__(self, propagated: Sequence[PropagatedBoxes], firsts: NDArray[np.intp]) -> None:
        self._by_detection: dict[int, list[Propagation]] = {}
        for time, frame_boxes in enumerate(propagated):
            for detection, box in zip(
                (firsts[frame_boxes.frames] + frame_boxes.rows).tolist(), frame_boxes.boxes, strict=True
            ):
                self._by_detection.setdefault(detection, []).append((time, box))

    def of(self, detections: NDArray[np.intp]) -> list[list[Propagation]]:
        """Return, for each detection, the frames that it was propagated to and its box there, in pixels."""
        return [self._by_detection.get(detection, []) for detection in detections.tolist()]


def expand_to_propagated(
    boxes: Boxes,
    start: int,
    frames: NDArray[np.intp],
    detections: Boxes,
    propagated: Sequence[Sequence[Propagation]],
) -> Boxes:
    """Enlarge the boxes of one track to the propagated boxes of its detections.

    Where matching failed and nothing was detected, the box grows by the largest deviation measured between
    the same two passes, plus ``UNSEEN_MARGIN``.

    Args:
        boxes: (m, 4) boxes of consecutive frames.
        start: index of the first of those frames.
        frames: (n,) indices of the frames with a detection.
        detections: (n, 4) detected boxes.
        propagated: propagated boxes of each detection.

    Returns:
        (m, 4) boxes, each of which contains the original one.
    """
    larger = boxes.copy()
    detected = set((frames - start).tolist())
    for propagations, frame, detection in zip(propagated, frames.tolist(), detections, strict=True):
        # The motion before a detection is independent of that after it.
        for side in (-1, 1):
            around = [(t - start, box) for t, box in propagations if (t - frame) * side > 0]
            inside = [(index, box) for index, box in around if 0 <= index < len(boxes)]
            located = [(index, box) for index, box in inside if not np.isnan(box[0])]
            margin = max((float(np.abs(box - boxes[index]).max()) for index, box in located), default=0.0)
            margin += UNSEEN_MARGIN * float(box_geometry.sides(detection).min())
            for index, box in located:
                larger[index] = box_geometry.enclose(larger[index], box)
            for index in {index for index, _ in inside} - {index for index, _ in located} - detected:
                larger[index] = box_geometry.enclose(larger[index], box_geometry.pad(boxes[index], margin))
    return larger
