"""Selection of the detections of a block that get a second opinion, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        empty: those that showed nothing, by the directions expected then.
    """

    block: Block
    opinion: SecondOpinion
    accept: float
    asked: dict[tuple[int, frozenset[int]], list[Boxes]] = field(default_factory=dict)
    empty: dict[frozenset[int], list[_Empty]] = field(default_factory=dict)

    def _earlier(self, boxes: Boxes, times: NDArray[np.intp], expected: frozenset[int]) -> NDArray[np.intp]:
        """Return the number of opinions given already on what may be the same face, (n,)."""
        asked = [
            (position, box)
            for (position, directions), of_frame in self.asked.items()
            if directions == expected
            for box in of_frame
        ]
        near = _near_earlier(boxes, times, [box for _, box in asked], [position for position, _ in asked])
        return np.asarray(near.sum(axis=1), np.intp)

    def _is_empty(
        self, boxes: Boxes, times: NDArray[np.intp], scores: NDArray[np.float64], expected: frozenset[int]
    ) -> NDArray[np.bool_]:
        """Return of which detections a better one of what may be the same face has shown nothing, (n,)."""
        empty = self.empty.get(expected, [])
        near = _near_earlier(boxes, times, [item.box for item in empty], [item.position for item in empty])
        better = np.array([item.score for item in empty])[None] >= scores[:, None]
        return np.asarray((near & better).any(axis=1))

    def ask(self, expected: frozenset[int], of_face: Callable[[FrameDetections], NDArray[np.bool_]]) -> None:
        """Ask for second opinions on detections that are neither confirmed nor strong.

        Args:
            expected: directions in which there are people.
            of_face: selects the detections of a frame to ask about, (n,) bool.
        """
        weak, doubtful = self._open_questions(expected, of_face)
        confirmed = self._confirmed(weak, expected)
        for position in sorted({*confirmed, *doubtful}):
            self._apply(position, confirmed.get(position, []), doubtful.get(position, []))

    def _open_questions(
        self, expected: frozenset[int], of_face: Callable[[FrameDetections], NDArray[np.bool_]]
    ) -> tuple[Sequence[_Question], Mapping[int, list[int]]]:
        """Return what is to be looked at again.

        The first detections are weak and may be confirmed, best score first; the rows of the second, by
        position, would count by themselves, but no strong detection is near, and may be refuted.
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
        weak: list[_Question] = []
        examined = self._earlier(boxes, times, expected)
        unconfirmed &= ~self._is_empty(boxes, times, scores, expected)
        for index in np.argsort(-scores, kind="stable").tolist():
            if unconfirmed[index] and examined[index] < OPINIONS_PER_FACE:
                examined += near[index]
                weak.append(_Question(int(times[index]), int(rows[index]), index, near[index]))
        refutable: dict[int, list[int]] = {}
        for index in np.flatnonzero(doubtful).tolist():
            refutable.setdefault(int(times[index]), []).append(int(rows[index]))
        return weak, refutable

    def _confirmed(
        self, questions: Sequence[_Question], expected: frozenset[int]
    ) -> dict[int, list[FrameDetections]]:
        """Return what a closer look confirms, by position.

        Where the best of several detections of what may be one face shows nothing, the others are not asked
        about.
        """
        block = self.block
        confirmed: dict[int, list[FrameDetections]] = {}
        without_face: set[int] = set()
        for question in questions:
            position = question.position
            if question.index in without_face or block.failed(position):
                continue
            faces = block.faces(position)
            if not self._is_new(position, expected, faces.boxes[question.row]):
                continue
            weak = selected(faces, [question.row])
            try:
                answer = self.opinion.examined(block.frame(position), weak, self.accept, expected)
            except FrameAnalysisError:
                block.fail(position)
                continue
            if answer.shows_nothing.any():
                without_face.update(np.flatnonzero(question.near).tolist())
                shown = _Empty(position, weak.boxes[0], float(weak.scores[0]))
                self.empty.setdefault(expected, []).append(shown)
            confirmed.setdefault(position, []).append(answer.confirmed)
        return confirmed

    def _apply(self, position: int, confirmed: list[FrameDetections], doubtful: list[int]) -> None:
        """Add the detections that were confirmed, and weaken the doubtful ones that a closer look refutes."""
        block = self.block
        if block.failed(position):
            return
        faces = block.faces(position)
        doubtful = [row for row in doubtful if self._is_new(position, frozenset(), faces.boxes[row])]
        try:
            refuted = self.opinion.refuted(block.frame(position), selected(faces, doubtful))
        except FrameAnalysisError:
            block.fail(position)
            return
        sure = faces.boxes[faces.scores >= self.accept]
        scores = faces.scores.copy()
        # The detection remains: a sure one of the same face nearby still confirms it.
        scores[np.array(doubtful, np.intp)[refuted]] = block.threshold
        # A crop also shows the faces next to a detection, which are known already.
        new = [selected(found, np.flatnonzero(~_is_known(found.boxes, sure))) for found in confirmed]
        block.replace_faces(position, merge_detections([replace(faces, scores=scores), *new]))

    def _is_new(self, position: int, expected: frozenset[int], box: Boxes) -> bool:
        """Return whether a question is asked for the first time, and remember it."""
        asked = self.asked.setdefault((position, expected), [])
        if any(np.array_equal(box, other) for other in asked):
            return False
        asked.append(box)
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """Weak detection that is looked at again.

    Attributes:
        position: position of its frame in the block.
        row: row among the detections of the frame.
        index: number among all detections of the block.
        near: which of all those may be the same face, (n,) bool.
    """

    position: int
    row: int
    index: int
    near: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Empty:
    """Weak detection in which a closer look saw nothing.

    Attributes:
        position: position of its frame in the block.
        box: (4,) pixels.
        score: its score.
    """

    position: int
    box: Boxes
    score: float


def _near_earlier(
    boxes: Boxes, times: NDArray[np.intp], earlier: Sequence[Boxes], positions: Sequence[int]
) -> NDArray[np.bool_]:
    """Return which of n detections may be the same face as which of m earlier ones, (n, m) bool."""
    if not earlier:
        return np.zeros((len(boxes), 0), bool)
    together, frames = np.concatenate([boxes, earlier]), np.concatenate([times, positions])
    return same_face(together, frames)[: len(boxes), len(boxes) :]


def _is_known(boxes: Boxes, sure: Boxes) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) largely lie inside a sure detection, (n,) bool."""
    return np.asarray((box_geometry.share_inside(boxes, sure) >= MAX_KNOWN_SHARE).any(axis=1))


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
