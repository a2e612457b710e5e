"""Second opinions on single detections: a closer look at each, enlarged, mirrored, tilted, by two detectors.

A detector scores a face lower if it is small, in profile, blurred, tilted, or cut by the border of the frame.
A low score is therefore no evidence that there is no face. The region around such a detection is sampled at
the size at which detectors are most reliable, and beyond the border of the frame it is mirrored.
There a false detection of moderate score often shows nothing at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.directions import (
    NEIGHBOUR_DEGREES,
    Affine,
    map_boxes,
    map_landmarks,
    rotation,
)
from framecloak.domain.anonymization.detection.faces import directions_of
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Detections, FloatArray, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceDetector
from framecloak.domain.ports.pixels import ImageSampler

CROP_SIDE_PX = 160
"""Side in pixels of the square crops."""

FACE_SIDES_PX = (48, 60)
"""Sizes in pixels at which a detection is shown in its crops, the second one mirrored."""

CONFIRMING_EVIDENCE, CONFIRMING_STILL_EVIDENCE = 0.8, 0.65
"""Smallest sum of a detection's score and its mean score on the crops that confirms it, in videos and in
still images. A still image has no neighbours that could show the face better.
"""

UPRIGHT_ONLY = frozenset({0})
EVERY_DIRECTION = frozenset(range(0, 360, NEIGHBOUR_DEGREES))

CONFIRMING_TURNED_SCORE = 0.5
"""Smallest mean score on the crops that confirms a detection in an unexpected direction.

Turned hands and folds resemble faces more often than upright ones.
"""

TURNED_DOUBT = 0.2
"""Score that is taken off turned detections before they are borne out like weak ones."""

REFUTING_SCORE = 0.15
"""Score that no view of a detection reaches if the detection is refuted.

Of 288 true detections from 0.5 on, in a street and in rendered clips, none was.
"""

PROMISING_SCORE = 0.3
"""Score from which on a detection in an expected direction is looked at by all detectors."""

MAX_OFFSET = 0.5
"""Largest distance of the face found in a crop from the middle, in units of the detection's size."""

MAX_SIZE_RATIO = 2.0
"""Largest ratio between the sizes of a detection and of the face found in its crop."""

MAX_IMAGE_SIDE_PX = 3840
"""Longer side in pixels of the image that crops are sampled from."""

MAX_PART = 0.25
"""Share of the frame up to which only the surroundings of a detection are read."""

_MIN_SCORE = 0.05
_VIEW_REACH = CROP_SIDE_PX / math.sqrt(2) / min(FACE_SIDES_PX)
"""Largest distance that a crop shows from the middle of a detection, in units of its size."""
_READ_MARGIN_PX = 4
"""Pixels around it that sampling may read."""


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """Result of a closer look at n weak detections.

    Attributes:
        confirmed: those that it confirms, at most n, in their order. Box, landmarks and direction are those
            of the view that scored best.
        shows_nothing: which detections show next to nothing in their own direction, (n,) bool.
    """

    confirmed: FrameDetections
    shows_nothing: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Two detectors that look closely at single detections. Thread-safe.

    Attributes:
        detector: first detector.
        second: second detector; None if there is none, in which case the first one looks alone.
        sampler: sampler of the crops.
        evidence: smallest sum of a detection's score and its mean score on the crops that confirms it.
    """

    detector: FaceDetector
    second: FaceDetector | None
    sampler: ImageSampler
    evidence: float = CONFIRMING_EVIDENCE

    def examined(
        self, frame: Frame, weak: FrameDetections, score: float, expected: frozenset[int] = UPRIGHT_ONLY
    ) -> Examination:
        """Look closely at weak detections.

        Args:
            frame: frame with the detections.
            weak: (n,) detections.
            score: score that a confirmed detection is given at least.
            expected: directions in which there are people; detections in others need more evidence.

        Raises:
            FrameAnalysisError: the frame was not decoded, or a detector failed.
        """
        shows_nothing = np.zeros(len(weak.scores), bool)
        if not len(weak.scores):
            return Examination(weak, shows_nothing)
        surroundings = _Surroundings(frame)
        to_frame = surroundings.to_frame
        views = []
        for row, (box, weak_score, direction) in enumerate(
            zip(
                weak.boxes / np.tile(to_frame, 2),
                weak.scores.tolist(),
                directions_of(weak).tolist(),
                strict=True,
            )
        ):
            image, corner = surroundings.of(box)
            shifted = box - np.tile(corner, 2)
            view, shows_nothing[row] = self._best_view(image, shifted, weak_score, direction, score, expected)
            if view is not None:
                views.append(view.shifted(corner))
        confirmed = FrameDetections(
            np.array([view.box for view in views]).reshape(-1, 4) * np.tile(to_frame, 2),
            np.array([view.score for view in views], np.float64),
            np.array([view.landmarks for view in views], np.float32).reshape(-1, 5, 2)
            * np.array(to_frame, np.float32),
            directions=np.array([view.direction for view in views], np.intp),
        )
        return Examination(confirmed, shows_nothing)

    def refuted(self, frame: Frame, doubtful: FrameDetections) -> NDArray[np.bool_]:
        """Return which detections a closer look does not bear out, (n,) bool.

        An upright one is refuted if it shows nothing to any detector, a turned one unless its views confirm
        it: turned hands and folds resemble faces more often.

        Args:
            frame: frame with the detections.
            doubtful: (n,) detections.

        Raises:
            FrameAnalysisError: the frame was not decoded, or a detector failed.
        """
        if not len(doubtful.scores):
            return np.zeros(0, bool)
        surroundings = _Surroundings(frame)
        return np.array(
            [
                self._refutes(*surroundings.of(box), box, score, direction)
                for box, score, direction in zip(
                    doubtful.boxes / np.tile(surroundings.to_frame, 2),
                    doubtful.scores.tolist(),
                    directions_of(doubtful).tolist(),
                    strict=True,
                )
            ],
            bool,
        )

    def _refutes(
        self, image: Image, corner: NDArray[np.float64], box: Boxes, score: float, direction: int
    ) -> bool:
        box = box - np.tile(corner, 2)
        if direction:
            view, _ = self._best_view(image, box, score - TURNED_DOUBT, direction, 0.0, EVERY_DIRECTION)
            return view is None
        return all(view is None or view.score < REFUTING_SCORE for view in self._views(image, box, 0))

    def _best_view(
        self, image: Image, box: Boxes, weak: float, direction: int, score: float, expected: frozenset[int]
    ) -> tuple[_View | None, bool]:
        """Return the best view of a detection, and whether it shows nothing.

        The view is None if the views do not confirm the detection.
        """
        for degrees in (0, -NEIGHBOUR_DEGREES, NEIGHBOUR_DEGREES):
            turned = (direction + degrees) % 360
            is_expected = turned in expected
            needed = self.evidence - weak if is_expected else CONFIRMING_TURNED_SCORE
            views = self._promising_views(
                image, box, turned, needed, is_promising=is_expected and weak >= PROMISING_SCORE
            )
            if degrees == 0 and all(view.score < REFUTING_SCORE for view in views):
                # Nothing is seen at all; a tilted face shows something in the neighbouring direction too.
                return None, True
            if views and sum(view.score for view in views) >= needed * self._view_count:
                best = max(views, key=lambda view: view.score)
                return replace(best, score=max(best.score, score)), False
        return None, False

    def _promising_views(
        self, image: Image, box: Boxes, direction: int, needed: float, *, is_promising: bool
    ) -> list[_View]:
        """Return the views of a detection that show a face; few, if they cannot reach the needed mean score.

        If the detection is promising the views go on if any detector sees something in the first crop, else
        only while every one does.
        """
        seen: list[_View] = []
        for count, view in enumerate(self._views(image, box, direction), start=1):
            shows_face = view is not None and view.score >= REFUTING_SCORE
            if view is not None:
                seen.append(view)
            if not shows_face and not is_promising:
                break
            first_crop_is_empty = all(earlier.score < REFUTING_SCORE for earlier in seen)
            if count == len(self._detectors) and first_crop_is_empty:
                break
            best_sum = sum(earlier.score for earlier in seen) + self._view_count - count
            if best_sum < needed * self._view_count:
                break
        return seen

    @property
    def _detectors(self) -> tuple[FaceDetector, ...]:
        """Detectors in the order in which they look, the cheaper second one first."""
        return (self.detector,) if self.second is None else (self.second, self.detector)

    @property
    def _view_count(self) -> int:
        return len(FACE_SIDES_PX) * len(self._detectors)

    def _views(self, image: Image, box: Boxes, direction: int) -> Iterator[_View | None]:
        """Yield the view of a detection by each detector at each size; None where it sees nothing."""
        for mirrored, face_side in enumerate(FACE_SIDES_PX):
            matrix = _map_from_crop(box, face_side, direction, mirrored=bool(mirrored))
            crop = self.sampler.sample(image, matrix, CROP_SIDE_PX, CROP_SIDE_PX)
            for detector in self._detectors:
                (found,) = detector.detect([crop], _MIN_SCORE)
                yield _central_view(found, matrix, face_side, direction, mirrored=bool(mirrored))


@dataclass(frozen=True, slots=True)
class _View:
    """Face found in a crop, in pixels of the image that the crop was sampled from."""

    box: Boxes
    score: float
    landmarks: FloatArray
    direction: int

    def shifted(self, by: NDArray[np.float64]) -> _View:
        """Return the view in pixels of an image that begins so much further up and left, (2,) pixels."""
        landmarks = (self.landmarks + by).astype(np.float32)
        return replace(self, box=self.box + np.tile(by, 2), landmarks=landmarks)


class _Surroundings:
    """Reader of what the views of single detections of a frame show.

    Args:
        frame: frame with the detections.

    Attributes:
        to_frame: pixels of the frame per pixel of the image that is read, on each axis.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        zoom = min(1.0, MAX_IMAGE_SIDE_PX / max(frame.display_size))
        width, height = (max(1, round(side * zoom)) for side in frame.display_size)
        self._size = width, height
        self.to_frame = frame.width / width, frame.height / height

    def of(self, box: Boxes) -> tuple[Image, NDArray[np.float64]]:
        """Return the pixels around a box (4,), as displayed, and their upper left corner in the image.

        Raises:
            FrameAnalysisError: the frame was not decoded.
        """
        size = np.array(self._size, np.float64)
        centre = box_geometry.centre(box[None])[0]
        reach = float(box_geometry.size(box[None])[0]) * _VIEW_REACH + _READ_MARGIN_PX
        low, high = centre - reach, centre + reach
        # What lies beyond a border is mirrored there, from as far inside.
        low, high = np.minimum(low, 2 * size - high), np.maximum(high, -low)
        first = np.floor(np.clip(low, 0, size - 1)).astype(int)
        last = np.ceil(np.clip(high, first + 1, size)).astype(int)
        (left, top), (columns, rows) = first.tolist(), (last - first).tolist()
        is_own_size = self._size == (self._frame.width, self._frame.height)
        if is_own_size and columns * rows <= MAX_PART * self._size[0] * self._size[1]:
            return self._frame.rgb_part(left, top, columns, rows), first.astype(np.float64)
        return self._frame.rgb(*self._size), np.zeros(2)


def _map_from_crop(box: Boxes, face_side: int, direction: int, *, mirrored: bool) -> Affine:
    """Return the map from pixels of a crop to those of the image; the box lies in the middle of the crop."""
    linear = rotation(direction).T * (float(box_geometry.size(box)) / face_side)
    if mirrored:
        linear = linear * [-1.0, 1.0]
    return np.column_stack([linear, box_geometry.centre(box) - linear @ np.full(2, CROP_SIDE_PX / 2)])


def _central_view(
    found: Detections, matrix: Affine, face_side: int, direction: int, *, mirrored: bool
) -> _View | None:
    """Return the best face in the middle of a crop; None if there is none."""
    boxes = found.boxes.astype(np.float64)
    offset = np.abs(box_geometry.centre(boxes) - CROP_SIDE_PX / 2).max(axis=1, initial=0.0)
    ratio = box_geometry.size(boxes) / face_side
    central = (offset <= MAX_OFFSET * face_side) & (ratio <= MAX_SIZE_RATIO) & (ratio >= 1 / MAX_SIZE_RATIO)
    rows = np.flatnonzero(central)
    if not len(rows):
        return None
    row = rows[:1]  # detections are ordered by score
    landmarks = map_landmarks(found.landmarks[row], matrix)[0]
    if mirrored:
        landmarks = landmarks[[1, 0, 2, 4, 3]]
    return _View(map_boxes(boxes[row], matrix)[0], float(found.scores[row[0]]), landmarks, direction)
