"""Bisection between looks: where two looks do not agree, the frame in the middle is looked at there.

Two looks agree on a face if both show it at almost the same place. In between it is then taken to be on the
way from one to the other. Any other face that is likely enough leaves open what happened in between. The
region around it is looked at in the middle frame, and what is open on either side of that is treated in the
same way, up to neighbouring frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.adaptive.block import Block
from framecloak.domain.anonymization.adaptive.motion import path_between
from framecloak.domain.anonymization.adaptive.regions import UPRIGHT, Region, joined, scale_for
from framecloak.domain.anonymization.detection.faces import directions_of, selected
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

AGREEING_IOU = 0.6
"""IoU from which on two looks agree on a face."""

OPEN_SCORE, OPEN_TURNED_SCORE = 0.3, 0.5
"""Scores from which on a detection without a counterpart is looked into, upright or in a direction in which
there are people, and in any other direction."""

REACH = 1.0
"""Width of the surroundings of an open detection that are looked at, in units of its size."""

SURE_SCORE = 0.5
"""Score from which on a detection is followed by its pixels from one look to the other."""

MOVING_SIZE_RATIO = 1.4
"""Largest ratio between the sizes of a face in two looks between which it is followed."""

NEAR_DISTANCE, NEAR_SIZE_RATIO = 2.0, 1.8
"""Distance in face sizes, and ratio of sizes, up to which detections of two looks may be one moving face."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One face on which two looks agree, and which is interpolated in between.

    Attributes:
        start, stop: positions of the looks.
        before, after: the detection in each, (1,) rows.
        path: (n, 4) boxes in the n frames between; None for those on a straight line.
    """

    start: int
    stop: int
    before: FrameDetections
    after: FrameDetections
    path: Boxes | None = None


class Bisection:
    """Bisection between the looks at the frames of a block.

    Args:
        block: frames and detections.
        directions: directions in which there are people, upright included.
    """

    def __init__(self, block: Block, directions: frozenset[int]) -> None:
        self._block = block
        self._directions = directions
        self.pairs: list[Pair] = []

    def between(self, start: int, stop: int) -> None:
        """Look between two frames that were looked at as a whole, and collect the faces they agree on."""
        self._refine(start, stop, self._block.faces(start), self._block.faces(stop))

    def _refine(self, start: int, stop: int, before: FrameDetections, after: FrameDetections) -> None:
        if stop - start < 2:
            return
        matches, open_before, open_after = compared(before, after)
        self.pairs += [
            Pair(start, stop, selected(before, [row]), selected(after, [other])) for row, other in matches
        ]
        for row, other in self._moving(before, open_before, after, open_after):
            path = path_between(
                [analysis.thumbnail for analysis in self._block.analyses[start : stop + 1]],
                before.boxes[row],
                after.boxes[other],
            )
            if path is not None:
                self.pairs.append(Pair(start, stop, selected(before, [row]), selected(after, [other]), path))
                open_before[row] = open_after[other] = False
        middle = (start + stop) // 2
        for region in joined(self._open_regions(before, open_before, after, open_after)):
            found = self._block.look_in(middle, region)
            if self._block.failed(middle):
                # The frame will be black; its neighbours are looked at as a whole.
                return
            inside = [
                selected(faces, np.flatnonzero(region.contains(faces.boxes))) for faces in (before, after)
            ]
            self._refine(start, middle, inside[0], found)
            self._refine(middle, stop, found, inside[1])

    def _moving(
        self,
        before: FrameDetections,
        open_before: NDArray[np.bool_],
        after: FrameDetections,
        open_after: NDArray[np.bool_],
    ) -> Iterator[tuple[int, int]]:
        """Yield the rows of open detections that may be one moving face: sure ones, nearest to each other."""
        first = np.flatnonzero(open_before & (before.scores >= SURE_SCORE))
        second = np.flatnonzero(open_after & (after.scores >= SURE_SCORE))
        if not len(first) or not len(second):
            return
        boxes, others = before.boxes[first], after.boxes[second]
        sizes = np.sqrt(box_geometry.size(boxes)[:, None] * box_geometry.size(others)[None])
        apart = box_geometry.centre(boxes)[:, None] - box_geometry.centre(others)[None]
        distance = np.hypot(*np.moveaxis(apart, -1, 0)) / sizes
        ratio = box_geometry.size(boxes)[:, None] / box_geometry.size(others)[None]
        distance[np.maximum(ratio, 1 / ratio) > MOVING_SIZE_RATIO] = np.inf
        nearest, nearest_back = distance.argmin(axis=1), distance.argmin(axis=0)
        for row, other in enumerate(nearest.tolist()):
            if nearest_back[other] == row and distance[row, other] <= NEAR_DISTANCE:
                yield int(first[row]), int(second[other])

    def _open_regions(
        self,
        before: FrameDetections,
        open_before: NDArray[np.bool_],
        after: FrameDetections,
        open_after: NDArray[np.bool_],
    ) -> Iterator[Region]:
        block = self._block
        for faces, is_open, others in ((before, open_before, after), (after, open_after, before)):
            lowest = np.where(
                np.isin(directions_of(faces), list(self._directions)), OPEN_SCORE, OPEN_TURNED_SCORE
            )
            for row in np.flatnonzero(is_open & (faces.scores >= lowest)).tolist():
                box = faces.boxes[row]
                size = float(box_geometry.size(box[None])[0])
                near = np.flatnonzero(_may_be_one(box, others.boxes))
                directions = {int(directions_of(faces)[row]), *directions_of(others)[near].tolist()}
                for other in others.boxes[near]:
                    box = box_geometry.enclose(box, other)
                box = box_geometry.clip(box_geometry.pad(box[None], REACH * size), *block.frame_size)
                scale = scale_for(size * block.display_zoom, block.display_size)
                yield Region(box[0], scale, with_diagonals(directions))


def compared(
    before: FrameDetections, after: FrameDetections
) -> tuple[list[tuple[int, int]], NDArray[np.bool_], NDArray[np.bool_]]:
    """Compare the detections of two looks.

    Returns:
        The rows of each face on which they agree, and which detections of either are left, (n,) bool.
    """
    left_before, left_after = np.ones(len(before.scores), bool), np.ones(len(after.scores), bool)
    if not left_before.size or not left_after.size:
        return [], left_before, left_after
    iou = box_geometry.iou(before.boxes, after.boxes)
    best_after, best_before = iou.argmax(axis=1), iou.argmax(axis=0)
    rows = np.arange(len(iou))
    agreed = (iou[rows, best_after] >= AGREEING_IOU) & (best_before[best_after] == rows)
    left_before[agreed] = False
    left_after[best_after[agreed]] = False
    return list(zip(rows[agreed].tolist(), best_after[agreed].tolist(), strict=True)), left_before, left_after


def with_diagonals(directions: set[int]) -> frozenset[int]:
    """Return directions together with those halfway between two that are a quarter turn apart."""
    between = {(direction + 45) % 360 for direction in directions if (direction + 90) % 360 in directions}
    return frozenset(directions | between) or UPRIGHT


def interpolated(pair: Pair) -> Iterator[tuple[int, FrameDetections]]:
    """Yield the position and the interpolated detection of each frame between the looks of a pair."""
    before, after = pair.before, pair.after
    nearer_is_before = pair.start + (pair.stop - pair.start) / 2
    for position in range(pair.start + 1, pair.stop):
        share = (position - pair.start) / (pair.stop - pair.start)
        box = (1 - share) * before.boxes[0] + share * after.boxes[0]
        if pair.path is not None:
            box = pair.path[position - pair.start - 1]
        nearer = before if position <= nearer_is_before else after
        landmarks = nearer.landmarks
        if before.landmarks is not None and after.landmarks is not None:
            landmarks = ((1 - share) * before.landmarks + share * after.landmarks).astype(np.float32)
        yield (
            position,
            FrameDetections(
                box[None],
                np.minimum(before.scores, after.scores),
                landmarks,
                directions=directions_of(nearer),
                interpolated=np.ones(1, bool),
            ),
        )


def _may_be_one(box: Boxes, others: Boxes) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) of the other look may show the same face as a box (4,), (n,) bool."""
    size = box_geometry.size(box[None])[0]
    apart = np.abs(box_geometry.centre(others) - box_geometry.centre(box[None])).max(axis=1, initial=0.0)
    ratio = box_geometry.size(others) / size
    return np.asarray(
        (apart < NEAR_DISTANCE * size) & (ratio < NEAR_SIZE_RATIO) & (ratio > 1 / NEAR_SIZE_RATIO)
    )
