"""Follow what was found at two looks through the frames between them, by its pixels.

A straight line from one look to the next says nothing of a camera that shakes, or of a name tag that swings:
both may be back where they were. So what was found is looked for in every frame between. Most of it is where
it was, and that is quick to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import Examination
from framecloak.domain.anonymization.tracking.propagated_boxes import Seen
from framecloak.domain.anonymization.tracking.template_matching import Patch, Picture
from framecloak.domain.anonymization.tracking.tracker import Found
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.ports import Frame

AREAS = (Kind.TEXT, Kind.PLATE)

MOST_DRIFT = 0.5
"""How far a side of a box may move between two looks, in the box's shorter sides."""

SAME_EXTENT = 0.15
"""How much a side may differ, likewise, of two finds that hold the same: where one is, the other is."""


def with_patches(examined: Examination, frame: Frame) -> Examination:
    """The same with what lies in the boxes that were found.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    boxes = {kind: examined.finds(kind).boxes for kind in AREAS}
    if not any(map(len, boxes.values())):
        return examined
    picture = Picture(frame)
    return replace(examined, patches={kind: picture.patches(found) for kind, found in boxes.items()})


def seen_between(
    frame: Frame, before: Examination, after: Examination, accept: float
) -> tuple[dict[Kind, Seen], bool]:
    """Look for what two looks have found in a frame between them.

    Args:
        frame: where to look.
        before: the look before it.
        after: the look after it.
        accept: lowest score of a find that is sure.

    Returns:
        Where it is, by kind, and whether all of it that is sure was seen. Of two finds that hold the same,
        one that was seen stands for both.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    picture = Picture(frame)
    share = (frame.index - before.index) / (after.index - before.index)
    seen: dict[Kind, Seen] = {}
    complete = True
    for kind in AREAS:
        one, other = before.finds(kind), after.finds(kind)
        if not len(one.scores) and not len(other.scores):
            continue
        pairs = _Pairs.among(one, other)
        onward, back = np.zeros((len(one.scores), 2)), np.zeros((len(other.scores), 2))
        onward[pairs.first], back[pairs.second] = share * pairs.moved, (share - 1) * pairs.moved
        asked, asked_back = np.ones(len(onward), bool), np.ones(len(back), bool)
        there = _sought(picture, before.patches.get(kind, ()), onward, asked)
        asked_back[pairs.second] = ~pairs.alike | np.isnan(there[pairs.first, 0])
        there_back = _sought(picture, after.patches.get(kind, ()), back, asked_back)
        told = pairs.alike & asked_back[pairs.second] & ~np.isnan(there_back[pairs.second, 0])
        asked[pairs.first[told]] = False
        sure, sure_back = one.scores >= accept, other.scores >= accept
        sure[pairs.first] |= sure_back[pairs.second]
        sure_back[pairs.second] = sure[pairs.first]
        seen[kind] = _joined(_seen(before, there, asked), _seen(after, there_back, asked_back))
        lost = (
            (np.isnan(there[:, 0]) & asked & sure).any(),
            (np.isnan(there_back[:, 0]) & asked_back & sure_back).any(),
        )
        complete &= not any(lost)
    return seen, complete


def seen_later(frame: Frame, before: Examination, after: Examination) -> dict[Kind, Seen]:
    """Look for what one look has found, and the next one has not, in the frame of that one.

    Args:
        frame: where to look.
        before: the look before it.
        after: what was found in the frame.

    Returns:
        Where it is, by kind, as far as it was seen.

    Raises:
        ExaminationError: the frame was not decoded.
    """
    picture = Picture(frame)
    seen: dict[Kind, Seen] = {}
    for kind in AREAS:
        found = before.finds(kind)
        left = np.ones(len(found.scores), bool)
        left[_Pairs.among(found, after.finds(kind)).first] = False
        there = _sought(picture, before.patches.get(kind, ()), np.zeros((len(left), 2)), left)
        seen[kind] = _seen(before, there, ~np.isnan(there[:, 0]))
    return seen


def leaves(before: Examination, after: Examination) -> bool:
    """Whether anything that one look has found is not in the next one."""
    looks = [(before.finds(kind), after.finds(kind)) for kind in AREAS]
    return any(len(_Pairs.among(one, other).first) < len(one.scores) for one, other in looks)


def drift(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """How far the side that moves most does from each box to each other one, (n, m), in shorter sides."""
    moved = np.abs(first[:, None] - second[None]).max(axis=-1)
    shorter = (first[:, 2:] - first[:, :2]).min(axis=-1)
    return np.asarray(moved / np.maximum(shorter, 1e-9)[:, None])


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Finds of two looks that are each other's nearest, and near.

    Attributes:
        first: (p,) rows of the one.
        second: (p,) rows of the other.
        moved: (p, 2) pixels from one to the other.
        alike: (p,) whether both are of one extent.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    moved: NDArray[np.float64]
    alike: NDArray[np.bool_]

    @classmethod
    def among(cls, one: Found, other: Found) -> _Pairs:
        nobody = np.empty(0, np.intp)
        first = second = nobody
        if len(one.scores) and len(other.scores):
            drifts = drift(one.boxes, other.boxes)
            nearest = drifts.argmin(axis=1)
            rows = np.arange(len(drifts))
            mutual = (drifts.argmin(axis=0)[nearest] == rows) & (drifts[rows, nearest] <= MOST_DRIFT)
            first, second = rows[mutual], nearest[mutual]
        boxes, others = one.boxes[first], other.boxes[second]
        grown = np.abs(bx.sides(others) - bx.sides(boxes)).max(axis=1)
        alike = grown <= SAME_EXTENT * bx.sides(boxes).min(axis=1)
        return cls(first, second, bx.centre(others) - bx.centre(boxes), alike)


def _sought(
    picture: Picture, patches: Sequence[Patch], expected: NDArray[np.float64], asked: NDArray[np.bool_]
) -> Boxes:
    """Where patches are in a picture, (n, 4); not a number where they are not seen, or nobody asks.

    Args:
        picture: where to look.
        patches: n of them.
        expected: (n, 2) pixels of the frame by which they are thought to have moved.
        asked: (n,) which of them to look for.
    """
    places = np.full((len(patches), 4), np.nan)
    for row in np.flatnonzero(asked).tolist():
        place = picture.sighting(patches[row], expected[row])
        if place is not None:
            places[row] = place
    return places


def _seen(look: Examination, places: Boxes, asked: NDArray[np.bool_]) -> Seen:
    rows = np.flatnonzero(asked)
    return Seen(np.full(len(rows), look.index), rows, places[rows])


def _joined(one: Seen, other: Seen) -> Seen:
    return Seen(
        np.concatenate([one.frames, other.frames]),
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.boxes, other.boxes]),
    )
