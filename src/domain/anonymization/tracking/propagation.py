"""Propagation of text and plate boxes to the frames between two detection passes, by template matching.

Linear interpolation between two passes misses the motion of a shaking camera or of a swinging name tag,
which may both be back at their starting position. Therefore each box is located in every frame between.
Most boxes have not moved, which is quick to verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Examination, Patch, Seen
from framecloak.domain.anonymization.model.detections import Found
from framecloak.domain.anonymization.tracking.template_matching import Picture
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.ports.frames import Frame

AREAS = (Kind.TEXT, Kind.PLATE)

MOST_DRIFT = 0.5
"""Largest displacement of any side of a box between two passes, in units of its shorter side."""

SAME_EXTENT = 0.15
"""Largest difference in width or height, in units of the shorter side, of two boxes of the same object.

If two boxes have the same extent, the position of one determines that of the other.
"""


def with_patches(examined: Examination, frame: Frame) -> Examination:
    """Return the analysis with templates of its text and plate boxes.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    boxes = {kind: examined.finds(kind).boxes for kind in AREAS}
    if not any(map(len, boxes.values())):
        return examined
    matcher = Picture(frame)
    return replace(
        examined, patches={kind: matcher.patches(kind_boxes) for kind, kind_boxes in boxes.items()}
    )


def seen_between(
    frame: Frame, before: Examination, after: Examination, accept: float
) -> tuple[dict[Kind, Seen], bool]:
    """Locate the detections of two passes in a frame between them.

    Args:
        frame: frame to search.
        before: the pass before it.
        after: the pass after it.
        accept: score from which on a detection must be located.

    Returns:
        Propagated boxes by kind, and whether all high-scoring detections were located. Of two detections of
        the same object, one that is located stands for both.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    matcher = Picture(frame)
    share = (frame.index - before.index) / (after.index - before.index)
    propagated: dict[Kind, Seen] = {}
    complete = True
    for kind in AREAS:
        earlier, later = before.finds(kind), after.finds(kind)
        if not len(earlier.scores) and not len(later.scores):
            continue
        pairs = _Pairs.among(earlier, later)
        onward, back = np.zeros((len(earlier.scores), 2)), np.zeros((len(later.scores), 2))
        onward[pairs.first], back[pairs.second] = share * pairs.moved, (share - 1) * pairs.moved
        searched, searched_back = np.ones(len(onward), bool), np.ones(len(back), bool)
        located = _sought(matcher, before.patches.get(kind, ()), onward, searched)
        searched_back[pairs.second] = ~pairs.alike | np.isnan(located[pairs.first, 0])
        located_back = _sought(matcher, after.patches.get(kind, ()), back, searched_back)
        resolved = pairs.alike & searched_back[pairs.second] & ~np.isnan(located_back[pairs.second, 0])
        searched[pairs.first[resolved]] = False
        sure, sure_back = earlier.scores >= accept, later.scores >= accept
        sure[pairs.first] |= sure_back[pairs.second]
        sure_back[pairs.second] = sure[pairs.first]
        propagated[kind] = _joined(
            _seen(before, located, searched), _seen(after, located_back, searched_back)
        )
        missing = (
            (np.isnan(located[:, 0]) & searched & sure).any(),
            (np.isnan(located_back[:, 0]) & searched_back & sure_back).any(),
        )
        complete &= not any(missing)
    return propagated, complete


def seen_later(frame: Frame, before: Examination, after: Examination) -> dict[Kind, Seen]:
    """Locate detections of one pass that the next pass has not made, in the frame of the next pass.

    Args:
        frame: frame to search.
        before: the pass before it.
        after: the pass on this frame.

    Returns:
        Propagated boxes by kind, as far as they were located.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    matcher = Picture(frame)
    propagated: dict[Kind, Seen] = {}
    for kind in AREAS:
        earlier = before.finds(kind)
        unmatched = np.ones(len(earlier.scores), bool)
        unmatched[_Pairs.among(earlier, after.finds(kind)).first] = False
        located = _sought(matcher, before.patches.get(kind, ()), np.zeros((len(unmatched), 2)), unmatched)
        propagated[kind] = _seen(before, located, ~np.isnan(located[:, 0]))
    return propagated


def leaves(before: Examination, after: Examination) -> bool:
    """Return whether any detection of one pass has no counterpart in the next one."""
    passes = [(before.finds(kind), after.finds(kind)) for kind in AREAS]
    return any(len(_Pairs.among(earlier, later).first) < len(earlier.scores) for earlier, later in passes)


def drift(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the largest displacement of any side from each box to each other box, (n, m).

    The unit is the shorter side of the first box.
    """
    moved = np.abs(first[:, None] - second[None]).max(axis=-1)
    shorter = (first[:, 2:] - first[:, :2]).min(axis=-1)
    return np.asarray(moved / np.maximum(shorter, 1e-9)[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Detections of two passes that are each other's nearest neighbour, and close.

    Attributes:
        first: (p,) rows of the first pass.
        second: (p,) rows of the second pass.
        moved: (p, 2) displacement in pixels from the first to the second.
        alike: (p,) True if both have the same extent.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    moved: NDArray[np.float64]
    alike: NDArray[np.bool_]

    @classmethod
    def among(cls, one: Found, other: Found) -> _Pairs:
        """Pair the detections of two passes by mutual nearest neighbour."""
        none = np.empty(0, np.intp)
        first = second = none
        if len(one.scores) and len(other.scores):
            distances = drift(one.boxes, other.boxes)
            nearest = distances.argmin(axis=1)
            rows = np.arange(len(distances))
            mutual = (distances.argmin(axis=0)[nearest] == rows) & (distances[rows, nearest] <= MOST_DRIFT)
            first, second = rows[mutual], nearest[mutual]
        boxes, counterparts = one.boxes[first], other.boxes[second]
        grown = np.abs(bx.sides(counterparts) - bx.sides(boxes)).max(axis=1)
        alike = grown <= SAME_EXTENT * bx.sides(boxes).min(axis=1)
        return cls(first, second, bx.centre(counterparts) - bx.centre(boxes), alike)


def _sought(
    picture: Picture, patches: Sequence[Patch], expected: NDArray[np.float64], asked: NDArray[np.bool_]
) -> Boxes:
    """Locate templates in a frame, as (n, 4) pixels; NaN for those not located or not selected.

    Args:
        picture: matcher of the frame to search.
        patches: n templates.
        expected: (n, 2) predicted displacements in pixels of the frame.
        asked: (n,) bool, True for the templates to locate.
    """
    located = np.full((len(patches), 4), np.nan)
    for row in np.flatnonzero(asked).tolist():
        box = picture.sighting(patches[row], expected[row])
        if box is not None:
            located[row] = box
    return located


def _seen(look: Examination, places: Boxes, asked: NDArray[np.bool_]) -> Seen:
    """Return the selected rows of a pass with their located boxes."""
    rows = np.flatnonzero(asked)
    return Seen(np.full(len(rows), look.index), rows, places[rows])


def _joined(one: Seen, other: Seen) -> Seen:
    """Concatenate two sets of propagated boxes."""
    return Seen(
        np.concatenate([one.frames, other.frames]),
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.boxes, other.boxes]),
    )
