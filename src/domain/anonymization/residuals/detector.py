"""Search one redacted frame for faces, and decide which finds show too much.

A detector finds faces where there are none: in a black box on a pair of shoulders, in a mosaic of the colours
of a face. What counts as a residual therefore depends on what redaction leaves:

- Where most of a find was not redacted, it is a residual when its score is nearly one that makes a face
  in the source (``NEARLY``); with a lower score when it is like a face that was removed there.
- Where most of it was filled with black, nothing is left to compare, and its score alone decides.
- What lies in the box of a face that was kept on purpose, and was not redacted, is that face: no residual.
- On a mosaic or a blur, a find is to be expected. It is a residual when what is left is more like the removed
  face than strangers are, whatever its score.

Two faces are alike when the cosine of their vectors reaches what usually makes them one person; see
`reid.matching.usual_threshold`. What is left of a face is cut out by the landmarks of the face itself,
so that the comparison knows where to look, as an attacker might. That is no bound on what a recogniser
trained on mosaics can do, and only faces that the detector finds again are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import SAME_FACE, examine
from framecloak.domain.anonymization.detection.scales import Look, sizes_due
from framecloak.domain.anonymization.model.residuals import Pending, Portrait
from framecloak.domain.anonymization.residuals.face_crops import AROUND, around, cut
from framecloak.domain.anonymization.tracking.tracker import Found
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes, Corners
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports import FaceDetector, Frame
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.matching import usual_threshold

SEARCH_THRESHOLD = 0.2
"""Lowest score of a find worth comparing with the faces that were removed."""

SAMPLE_LOOK = Look(960)
"""At what size samples are searched: that of the look that every frame of a video gets."""

SMALLEST_VIEW = 128
"""Pixels of a side of what is searched around a box."""

NEARLY = 0.9
"""Share of the score that makes a face in the source: other decoders and sizes see a little more."""

ON_REDACTED = 0.5
"""Share of a find that must be redacted for it to be one on what redaction left."""

ON_KEPT = 0.8
"""Share of a find that must lie in the box of one kept face for it to be that face."""

LANDMARK_THRESHOLD = 0.2
"""Lowest score of a face in the picture of a removed one; it was found there before."""


@dataclass(frozen=True, slots=True)
class Inspector:
    """Searches redacted frames. Safe to call from several threads at once.

    Attributes:
        detector: looks for faces.
        recognizer: compares them; None where none is installed.
        looks: the sizes at which whole frames are searched.
        accept: least score that makes a face in the source.
        shift: by how many frames occasional looks are taken before those at the source.
    """

    detector: FaceDetector
    recognizer: FaceRecognizer | None
    looks: tuple[Look, ...]
    accept: float
    shift: int = 0

    def inspect(self, shipped: Frame, pending: Pending, redacted: Redaction) -> Inspected:
        """Search a redacted frame.

        Args:
            shipped: decoded from the bytes that will be delivered.
            pending: what to search for, and where.
            redacted: what was replaced in it.

        Raises:
            ExaminationError: it cannot be decoded, or a model failed on it.
        """
        found = self._found(shipped, pending)
        wanted = ~redacted.kept(found.boxes)
        found = Found(found.boxes[wanted], found.scores[wanted])
        if not len(found.scores):
            return Inspected(np.empty((0, 4)), None)
        likeness = self._likeness(shipped, found.boxes, redacted, pending.portraits)
        limit = usual_threshold(self.recognizer.space) if self.recognizer else math.inf
        alike = likeness >= limit
        expected = redacted.mostly(found.boxes) & ~redacted.mostly_black(found.boxes)
        residual = np.where(expected, alike, alike | (found.scores >= NEARLY * self.accept))
        most = float(likeness.max())
        return Inspected(found.boxes[residual], round(most, 4) if math.isfinite(most) else None)

    def _found(self, shipped: Frame, pending: Pending) -> Found:
        """Faces in a frame, or around the boxes that it is to be searched around."""
        if pending.search.near:
            return self._found_near(shipped, pending.search.near)
        (seen,) = examine([shipped], self.detector, self.looks, SEARCH_THRESHOLD, shift=self.shift)
        if seen.found is None:
            raise ExaminationError(f"frame {shipped.index} cannot be searched again")
        return seen.found

    def _found_near(self, shipped: Frame, near: Sequence[Corners]) -> Found:
        stride = self.detector.stride
        size = shipped.width, shipped.height
        ((width, height),) = sizes_due(shipped.index, size, (SAMPLE_LOOK,), stride)
        picture = shipped.rgb(width, height)
        zoom = np.tile((shipped.width / width, shipped.height / height), 2)
        finds = []
        for box in near:
            x, y, side = _view(np.array(box) / zoom, stride)
            view = np.ascontiguousarray(picture[y : y + side, x : x + side])
            (seen,) = self.detector.detect([_padded(view, stride)], SEARCH_THRESHOLD)
            there = bx.shift(seen.boxes.astype(np.float64), np.array([x, y], np.float64))
            finds.append(Found(there * zoom, seen.scores.astype(np.float64)))
        boxes = np.concatenate([one.boxes for one in finds])
        scores = np.concatenate([one.scores for one in finds])
        kept = bx.suppress(boxes, scores, SAME_FACE)
        return Found(boxes[kept], scores[kept])

    def _likeness(
        self,
        shipped: Frame,
        finds: Boxes,
        redacted: Redaction,
        portraits: Sequence[Portrait],
    ) -> NDArray[np.float64]:
        """How like a removed face each find is, (n,); minus infinity where nothing was compared."""
        likeness = np.full(len(finds), -np.inf)
        if self.recognizer is None or not portraits:
            return likeness
        boxes = np.array([portrait.box for portrait in portraits], np.float64)
        together = bx.iou(finds, boxes) > 0
        on_redacted = redacted.mostly(finds)
        # Of what is black there is nothing left to compare.
        together[redacted.mostly_black(finds)] = False
        together[np.ix_(on_redacted, redacted.mostly_black(boxes))] = False
        if not together.any():
            return likeness
        comparison = _Comparison(self.detector, self.recognizer, portraits, shipped.bgr())
        for row in np.flatnonzero(together.any(axis=1)).tolist():
            places = np.flatnonzero(together[row]).tolist()
            if on_redacted[row]:
                likeness[row] = max(comparison.left(place) for place in places)
            else:
                likeness[row] = comparison.beside(finds[row], places)
        return likeness


class Redaction:
    """What was replaced in a frame, to tell how much of a find was.

    Args:
        size: width and height of the frame.
        boxes: everything that was replaced.
        black: those of them that were filled with black.
        kept: faces that are to stay.
    """

    def __init__(
        self,
        size: tuple[int, int],
        boxes: Sequence[Corners],
        black: Sequence[Corners],
        kept: Sequence[Corners] = (),
    ) -> None:
        self._redacted = _mask(size, boxes)
        self._black = _mask(size, black)
        self._kept = np.array(kept, np.float64).reshape(-1, 4)

    def mostly(self, finds: Boxes) -> NDArray[np.bool_]:
        """Which boxes, (n, 4), were redacted for the most part."""
        return _shares(self._redacted, finds) >= ON_REDACTED

    def mostly_black(self, finds: Boxes) -> NDArray[np.bool_]:
        """Which boxes, (n, 4), are black for the most part."""
        return _shares(self._black, finds) >= ON_REDACTED

    def kept(self, finds: Boxes) -> NDArray[np.bool_]:
        """Which boxes, (n, 4), are of faces that are to stay."""
        if not len(self._kept):
            return np.zeros(len(finds), bool)
        inside = bx.shares_inside(finds, self._kept).max(axis=1, initial=0.0)
        return np.asarray((inside >= ON_KEPT) & ~self.mostly(finds))


class _Comparison:
    """Compares what is left in one frame with the faces that were removed from it.

    Args:
        detector: finds their landmarks.
        recognizer: compares them.
        portraits: the removed faces.
        shipped: (height, width, 3) uint8 BGR, the redacted frame.
    """

    def __init__(
        self,
        detector: FaceDetector,
        recognizer: FaceRecognizer,
        portraits: Sequence[Portrait],
        shipped: Image,
    ) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self._portraits = portraits
        self._shipped = shipped
        self._originals: dict[int, tuple[FloatArray, FloatArray] | None] = {}
        self._left: dict[int, float] = {}

    def left(self, place: int) -> float:
        """The cosine between a removed face and what is in its place; minus infinity where it was no face."""
        if place not in self._left:
            original = self._original(place)
            similarity = -math.inf
            if original is not None:
                landmarks, vector = original
                there = _rgb(cut(self._shipped, self._portraits[place].area))
                similarity = float(vector @ self._vector(there, landmarks))
            self._left[place] = similarity
        return self._left[place]

    def beside(self, find: Boxes, places: Sequence[int]) -> float:
        """The highest cosine between a find, (4,), and some removed faces; minus infinity without any."""
        corners = bx.clip(find, self._shipped.shape[1], self._shipped.shape[0]).round().astype(int).tolist()
        x1, y1, x2, y2 = around((corners[0], corners[1], corners[2], corners[3]), AROUND, self._shipped)
        if x1 >= x2 or y1 >= y2:
            return -math.inf
        shown = _rgb(cut(self._shipped, (x1, y1, x2, y2)))
        landmarks = self._landmarks(shown)
        if landmarks is None:
            return -math.inf
        vector = self._vector(shown, landmarks)
        originals = [self._original(place) for place in places]
        return max((float(one[1] @ vector) for one in originals if one), default=-math.inf)

    def _original(self, place: int) -> tuple[FloatArray, FloatArray] | None:
        """Landmarks and vector of a removed face; None where it is too hard to see."""
        if place not in self._originals:
            face = _rgb(self._portraits[place].image)
            landmarks = self._landmarks(face)
            known = None if landmarks is None else (landmarks, self._vector(face, landmarks))
            self._originals[place] = known
        return self._originals[place]

    def _landmarks(self, face: Image) -> FloatArray | None:
        """Of the best face in a picture, (1, 5, 2) pixels."""
        (found,) = self._detector.detect([_padded(face, self._detector.stride)], LANDMARK_THRESHOLD)
        return found.landmarks[:1] if len(found) else None

    def _vector(self, face: Image, landmarks: FloatArray) -> FloatArray:
        vector: FloatArray = self._recognizer.embed(self._recognizer.align(face, landmarks))[0]
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """What a search found.

    Attributes:
        residuals: (n, 4) pixels of the frame: faces that show too much.
        similarity: the highest to a removed face, residual or not; None where nothing was compared.
    """

    residuals: Boxes
    similarity: float | None


def _mask(size: tuple[int, int], boxes: Sequence[Corners]) -> NDArray[np.bool_]:
    width, height = size
    mask = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


def _shares(mask: NDArray[np.bool_], finds: Boxes) -> NDArray[np.float64]:
    """How much of each box is in a mask, (n,)."""
    corners = bx.clip(finds, mask.shape[1], mask.shape[0]).round().astype(int).tolist()
    shares = [mask[y1:y2, x1:x2].mean() if x1 < x2 and y1 < y2 else 0.0 for x1, y1, x2, y2 in corners]
    return np.array(shares, np.float64)


def _view(box: Boxes, stride: int) -> tuple[int, int, int]:
    """Left, top and side of the square to search around a box; twice as wide as it is."""
    wanted = max(SMALLEST_VIEW, 2 * float(np.max(box[2:] - box[:2])))
    side = math.ceil(wanted / stride) * stride
    x, y = (max(0, round(middle - side / 2)) for middle in bx.centre(box).tolist())
    return x, y, side


def _padded(picture: Image, stride: int) -> Image:
    """A picture with black added at the right and below, up to multiples of the stride."""
    right, below = ((-side) % stride for side in (picture.shape[1], picture.shape[0]))
    return np.pad(picture, ((0, below), (0, right), (0, 0)))


def _rgb(image: Image) -> Image:
    return np.ascontiguousarray(image[:, :, ::-1])
