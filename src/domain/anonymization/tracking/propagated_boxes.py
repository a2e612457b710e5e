"""Finds that were looked for, by their pixels, in frames around their own, and what to redact for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes

Sighting: TypeAlias = tuple[int, Boxes]
"""A frame and where a find of another one is in it, (4,) pixels; not a number where it could not be seen."""

UNSEEN = 0.5
"""How much further than it was seen what was looked for in vain may be, in its box's shorter sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Finds of other frames that were looked for, by their pixels, in one frame.

    Attributes:
        frames: (n,) in which they were found.
        rows: (n,) of what was found there.
        boxes: (n, 4) where they are in this frame, pixels; not a number where they could not be seen.
    """

    frames: NDArray[np.intp]
    rows: NDArray[np.intp]
    boxes: Boxes

    @classmethod
    def nothing(cls) -> Self:
        """Nothing was looked for."""
        return cls(np.empty(0, np.intp), np.empty(0, np.intp), np.empty((0, 4)))


class Sightings:
    """What was seen again of each detection.

    Args:
        seen: per frame.
        firsts: (frames,) number of each frame's first detection, counted through all frames.
    """

    def __init__(self, seen: Sequence[Seen], firsts: NDArray[np.intp]) -> None:
        self._of: dict[int, list[Sighting]] = {}
        for time, there in enumerate(seen):
            for detection, box in zip((firsts[there.frames] + there.rows).tolist(), there.boxes, strict=True):
                self._of.setdefault(detection, []).append((time, box))

    def of(self, detections: NDArray[np.intp]) -> list[list[Sighting]]:
        """Per detection, frames and where it is in them, in pixels."""
        return [self._of.get(detection, []) for detection in detections.tolist()]


def enlarged(
    boxes: Boxes,
    start: int,
    frames: NDArray[np.intp],
    finds: Boxes,
    sightings: Sequence[Sequence[Sighting]],
) -> Boxes:
    """Enlarge the boxes of one track to where its finds were seen again.

    Where one was looked for in vain, and nothing was found either, it may be as far from its way as it ever
    was between the same two looks, and a little further.

    Args:
        boxes: (m, 4) of consecutive frames.
        start: number of the first of those.
        frames: (n,) numbers of those in which it was found.
        finds: (n, 4) where it was found.
        sightings: per find.

    Returns:
        (m, 4), each holding the box that was there.
    """
    larger = boxes.copy()
    found = set((frames - start).tolist())
    for there, frame, own in zip(sightings, frames.tolist(), finds, strict=True):
        # What happens before a find says nothing of what happens after it.
        for side in (-1, 1):
            around = [(t - start, box) for t, box in there if (t - frame) * side > 0]
            inside = [(at, box) for at, box in around if 0 <= at < len(boxes)]
            seen = [(at, box) for at, box in inside if not np.isnan(box[0])]
            strayed = max((float(np.abs(box - boxes[at]).max()) for at, box in seen), default=0.0)
            strayed += UNSEEN * float(bx.sides(own).min())
            for at, box in seen:
                larger[at] = bx.enclose(larger[at], box)
            for at in {at for at, _ in inside} - {at for at, _ in seen} - found:
                larger[at] = bx.enclose(larger[at], bx.pad(boxes[at], strayed))
    return larger
