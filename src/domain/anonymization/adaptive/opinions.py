"""Selection of the detections of a block that get a second opinion, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.adaptive.block import Block
from framecloak.domain.anonymization.detection.faces import (
    directions_of,
    is_interpolated,
    merge_detections,
    selected,
)
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

NEAR_DISTANCE, NEAR_DISTANCE_PER_FRAME = 0.7, 0.08
"""Distance, in face sizes, within which two detections may be the same face, and its growth per frame."""

MAX_NEAR_DISTANCE = 1.2
"""Upper bound of that distance, in face sizes."""

NEAR_SIZE_RATIO = 1.8
"""Largest ratio between the sizes of two such detections."""

MAX_KNOWN_SHARE = 0.5
"""Share of a confirmed face inside a sure detection from which on it is that face."""

STRONG_SCORE = 0.8
"""Score from which on a detection needs no second opinion, and neither do those of the same face."""

OPINIONS_PER_FACE = 3
"""Number of detections of one face, the best ones, that get a second opinion in one block.

The tracker carries a confirmed detection to the others.
"""


@dataclass(slots=True)
class BlockOpinions:
    """Second opinions on the detections of one block.

    Attributes:
        block: frames and detections.
        opinion: second opinions.
        accept: score from which on a detection counts by itself.
        asked: boxes that were looked at, by position and directions expected then.
    """

    block: Block
    opinion: SecondOpinion
    accept: float
    asked: dict[tuple[int, frozenset[int]], list[Boxes]] = field(default_factory=dict)

    def _earlier(self, boxes: Boxes, times: NDArray[np.intp], expected: frozenset[int]) -> NDArray[np.intp]:
        """Return the number of opinions given already on what may be the same face, (n,)."""
        asked = [
            (position, box)
            for (position, directions), of_frame in self.asked.items()
            if directions == expected
            for box in of_frame
        ]
        if not asked:
            return np.zeros(len(boxes), np.intp)
        together = np.concatenate([boxes, [box for _, box in asked]])
        frames = np.concatenate([times, [position for position, _ in asked]])
        return np.asarray(same_face(together, frames)[: len(boxes), len(boxes) :].sum(axis=1), np.intp)

    def ask(self, expected: frozenset[int], of_face: Callable[[FrameDetections], NDArray[np.bool_]]) -> None:
        """Ask for second opinions on detections that are neither confirmed nor strong.

        Args:
            expected: directions in which there are people.
            of_face: selects the detections of a frame to ask about, (n,) bool.
        """
        weak, doubtful = self._open_questions(expected, of_face)
        for position in sorted({*weak, *doubtful}):
            self._answer(position, weak.get(position, []), doubtful.get(position, []), expected)

    def _open_questions(
        self, expected: frozenset[int], of_face: Callable[[FrameDetections], NDArray[np.bool_]]
    ) -> tuple[Mapping[int, list[int]], Mapping[int, list[int]]]:
        """Return the rows of detections to look at again, by position.

        The first are weak and may be confirmed; the second would count by themselves, but no strong detection
        is near, and may be refuted.
        """
        detections = [self.block.faces(position) for position in range(len(self.block))]
        counts = [len(found.scores) for found in detections]
        times = np.repeat(np.arange(len(detections)), counts)
        rows = np.concatenate([np.arange(count) for count in counts])
        boxes = np.concatenate([found.boxes for found in detections])
        scores = np.concatenate([found.scores for found in detections])
        guessed = np.concatenate([is_interpolated(found) for found in detections])
        due = (
            np.concatenate([of_face(found) for found in detections]) & ~guessed & (times >= self.block.first)
        )
        near = same_face(boxes, times)
        sure = scores >= self.accept
        unconfirmed = due & ~sure & ~(near & sure[None]).any(axis=1)
        doubtful = due & sure & ~(near & (scores >= STRONG_SCORE)[None]).any(axis=1)
        weak: dict[int, list[int]] = {}
        examined = self._earlier(boxes, times, expected)
        for index in np.argsort(-scores, kind="stable").tolist():
            if unconfirmed[index] and examined[index] < OPINIONS_PER_FACE:
                examined += near[index]
                weak.setdefault(int(times[index]), []).append(int(rows[index]))
        refutable: dict[int, list[int]] = {}
        for index in np.flatnonzero(doubtful).tolist():
            refutable.setdefault(int(times[index]), []).append(int(rows[index]))
        return weak, refutable

    def _answer(self, position: int, weak: list[int], doubtful: list[int], expected: frozenset[int]) -> None:
        """Add the weak detections that a second opinion confirms, and weaken those that it refutes."""
        block = self.block
        if block.failed(position):
            return
        faces = block.faces(position)
        weak = [row for row in weak if self._is_new(position, expected, faces.boxes[row])]
        doubtful = [row for row in doubtful if self._is_new(position, frozenset(), faces.boxes[row])]
        if not (weak or doubtful):
            return
        frame = block.frame(position)
        try:
            found = self.opinion.confirmed(frame, selected(faces, weak), self.accept, expected)
            refuted = self.opinion.refuted(frame, selected(faces, doubtful))
        except FrameAnalysisError:
            block.fail(position)
            return
        sure = faces.boxes[faces.scores >= self.accept]
        # A crop also shows the faces next to a detection, which are known already.
        is_new = ~(box_geometry.share_inside(found.boxes, sure) >= MAX_KNOWN_SHARE).any(axis=1)
        scores = faces.scores.copy()
        # The detection remains: a sure one of the same face nearby still confirms it.
        scores[np.array(doubtful, np.intp)[refuted]] = block.threshold
        confirmed = selected(found, np.flatnonzero(is_new))
        block.replace_faces(position, merge_detections([replace(faces, scores=scores), confirmed]))

    def _is_new(self, position: int, expected: frozenset[int], box: Boxes) -> bool:
        """Return whether a question is asked for the first time, and remember it."""
        asked = self.asked.setdefault((position, expected), [])
        if any(np.array_equal(box, other) for other in asked):
            return False
        asked.append(box)
        return True


def everything(faces: FrameDetections) -> NDArray[np.bool_]:
    """Select all detections of a frame."""
    return np.ones(len(faces.scores), bool)


def turned(faces: FrameDetections) -> NDArray[np.bool_]:
    """Select the detections of a frame that are not upright."""
    return np.asarray(directions_of(faces) != 0)


def same_face(boxes: Boxes, times: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which detections may be the same face, by position and size, (n, n) bool.

    Args:
        boxes: (n, 4) pixels.
        times: (n,) frame of each.
    """
    centres, sizes = box_geometry.centre(boxes), box_geometry.size(boxes)
    across, down = (axis[:, None] - axis[None] for axis in centres.T)
    mean_size = np.sqrt(sizes[:, None] * sizes[None])
    apart = np.abs(times[:, None] - times[None])
    ratio = np.maximum(sizes[:, None], sizes[None]) / np.minimum(sizes[:, None], sizes[None])
    reach = np.minimum(NEAR_DISTANCE + NEAR_DISTANCE_PER_FRAME * apart, MAX_NEAR_DISTANCE) * mean_size
    is_near = across**2 + down**2 <= reach**2
    return np.asarray(is_near & (ratio <= NEAR_SIZE_RATIO))
