"""Detector of residual faces: searches one redacted frame and decides which detections reveal too much.

A detector has false positives on redacted frames: a black box above a pair of shoulders, or a mosaic in the
colours of a face. The criterion for a residual therefore depends on the redaction under the detection:

- Mostly unredacted: residual if its score is close to the acceptance threshold of the source (``NEARLY``).
  A lower score suffices if it resembles a face that was removed there.
- Mostly filled with black: nothing is left to compare, so the score alone decides.
- Inside the box of a face that was kept on purpose, and not redacted: this is that face, not a residual.
- On a mosaic or blur: a detection is to be expected. It is a residual, whatever its score, if what is left
  resembles the removed face more than different people resemble each other.

Two faces match if the cosine similarity of their embeddings reaches the usual threshold for one person; see
`domain.reid.matching.usual_threshold`. The remains of a face are aligned by the landmarks of the original
face, so the comparison has the exact position, as an attacker might. This is no bound on the capability of a
recogniser trained on mosaics, and only faces that the detector finds again are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.faces import SAME_FACE, examine
from framecloak.domain.anonymization.detection.scales import Look, sizes_due
from framecloak.domain.anonymization.model.detections import Found
from framecloak.domain.anonymization.model.residuals import Pending, Portrait
from framecloak.domain.anonymization.residuals.face_crops import AROUND, around, cut
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes, Corners
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.reid.matching import usual_threshold

SEARCH_THRESHOLD = 0.2
"""Minimum score of a detection that is compared with the removed faces."""

SAMPLE_LOOK = Look(960)
"""Detection scale of the sampled search: the scale applied to every frame of a video."""

SMALLEST_VIEW = 128
"""Minimum side in pixels of the crop searched around a box."""

NEARLY = 0.9
"""Factor on the acceptance threshold of the source: other decoders and scales yield slightly more."""

ON_REDACTED = 0.5
"""Minimum redacted share of a detection for it to count as a detection on redacted pixels."""

ON_KEPT = 0.8
"""Minimum share of a detection inside the box of a kept face for it to be that face."""

LANDMARK_THRESHOLD = 0.2
"""Minimum score of a face in the crop of a removed face, where it was detected before."""


@dataclass(frozen=True, slots=True)
class Inspector:
    """Detector of residual faces in redacted frames. Thread-safe.

    Attributes:
        detector: Face detector.
        recognizer: Face recogniser for the comparison with removed faces; None if none is installed.
        looks: Detection scales for whole frames.
        accept: Score from which a detection in the source is accepted as a face.
        shift: Offset in frames of the occasional detection passes; they run this many frames earlier than
            in the source.
    """

    detector: FaceDetector
    recognizer: FaceRecognizer | None
    looks: tuple[Look, ...]
    accept: float
    shift: int = 0

    def inspect(self, shipped: Frame, pending: Pending, redacted: Redaction) -> Inspected:
        """Search a redacted frame for residual faces.

        Args:
            shipped: Frame decoded from the bytes to deliver.
            pending: Removed faces, and the scope of the search.
            redacted: Mask of the replaced pixels.

        Raises:
            ExaminationError: The frame cannot be decoded, or a model fails on it.
        """
        found = self._found(shipped, pending)
        unintended = ~redacted.kept(found.boxes)
        found = Found(found.boxes[unintended], found.scores[unintended])
        if not len(found.scores):
            return Inspected(np.empty((0, 4)), None)
        likeness = self._likeness(shipped, found.boxes, redacted, pending.portraits)
        limit = usual_threshold(self.recognizer.space) if self.recognizer else math.inf
        alike = likeness >= limit
        expected = redacted.mostly(found.boxes) & ~redacted.mostly_black(found.boxes)
        residual = np.where(expected, alike, alike | (found.scores >= NEARLY * self.accept))
        highest = float(likeness.max())
        return Inspected(found.boxes[residual], round(highest, 4) if math.isfinite(highest) else None)

    def _found(self, shipped: Frame, pending: Pending) -> Found:
        """Detect faces in the whole frame, or only around the boxes of the search scope."""
        if pending.search.near:
            return self._found_near(shipped, pending.search.near)
        (analysis,) = examine([shipped], self.detector, self.looks, SEARCH_THRESHOLD, shift=self.shift)
        if analysis.found is None:
            raise ExaminationError(f"frame {shipped.index} cannot be searched again")
        return analysis.found

    def _found_near(self, shipped: Frame, near: Sequence[Corners]) -> Found:
        stride = self.detector.stride
        size = shipped.width, shipped.height
        ((width, height),) = sizes_due(shipped.index, size, (SAMPLE_LOOK,), stride)
        image = shipped.rgb(width, height)
        zoom = np.tile((shipped.width / width, shipped.height / height), 2)
        detections = []
        for box in near:
            x, y, side = _view(np.array(box) / zoom, stride)
            crop = np.ascontiguousarray(image[y : y + side, x : x + side])
            (result,) = self.detector.detect([_padded(crop, stride)], SEARCH_THRESHOLD)
            in_image = bx.shift(result.boxes.astype(np.float64), np.array([x, y], np.float64))
            detections.append(Found(in_image * zoom, result.scores.astype(np.float64)))
        boxes = np.concatenate([part.boxes for part in detections])
        scores = np.concatenate([part.scores for part in detections])
        selected = bx.suppress(boxes, scores, SAME_FACE)
        return Found(boxes[selected], scores[selected])

    def _likeness(
        self,
        shipped: Frame,
        finds: Boxes,
        redacted: Redaction,
        portraits: Sequence[Portrait],
    ) -> NDArray[np.float64]:
        """Return each detection's highest similarity to a removed face, (n,); -inf if not compared."""
        likeness = np.full(len(finds), -np.inf)
        if self.recognizer is None or not portraits:
            return likeness
        removed_boxes = np.array([portrait.box for portrait in portraits], np.float64)
        pairs = bx.iou(finds, removed_boxes) > 0
        on_redacted = redacted.mostly(finds)
        # Black pixels leave nothing to compare.
        pairs[redacted.mostly_black(finds)] = False
        pairs[np.ix_(on_redacted, redacted.mostly_black(removed_boxes))] = False
        if not pairs.any():
            return likeness
        comparison = _Comparison(self.detector, self.recognizer, portraits, shipped.bgr())
        for row in np.flatnonzero(pairs.any(axis=1)).tolist():
            indices = np.flatnonzero(pairs[row]).tolist()
            if on_redacted[row]:
                likeness[row] = max(comparison.left(index) for index in indices)
            else:
                likeness[row] = comparison.beside(finds[row], indices)
        return likeness


class Redaction:
    """Masks of the replaced pixels of a frame.

    Args:
        size: Width and height of the frame in pixels.
        boxes: All replaced boxes.
        black: Boxes that were filled with black.
        kept: Boxes of faces that stay visible on purpose.
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
        """Return which boxes, (n, 4), were mostly redacted."""
        return _shares(self._redacted, finds) >= ON_REDACTED

    def mostly_black(self, finds: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), are mostly black."""
        return _shares(self._black, finds) >= ON_REDACTED

    def kept(self, finds: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), show faces that stay visible on purpose."""
        if not len(self._kept):
            return np.zeros(len(finds), bool)
        inside = bx.shares_inside(finds, self._kept).max(axis=1, initial=0.0)
        return np.asarray((inside >= ON_KEPT) & ~self.mostly(finds))


class _Comparison:
    """Comparison of a redacted frame with the faces that were removed from it.

    Args:
        detector: Detector of facial landmarks.
        recognizer: Recogniser that computes the embeddings.
        portraits: Crops of the removed faces.
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
        """Return the cosine similarity of a removed face and its redacted pixels; -inf if it is no face."""
        if place not in self._left:
            original = self._original(place)
            similarity = -math.inf
            if original is not None:
                landmarks, vector = original
                remains = _rgb(cut(self._shipped, self._portraits[place].area))
                similarity = float(vector @ self._vector(remains, landmarks))
            self._left[place] = similarity
        return self._left[place]

    def beside(self, find: Boxes, places: Sequence[int]) -> float:
        """Return the highest cosine similarity of a detection, (4,), to some removed faces; -inf if none."""
        corners = bx.clip(find, self._shipped.shape[1], self._shipped.shape[0]).round().astype(int).tolist()
        x1, y1, x2, y2 = around((corners[0], corners[1], corners[2], corners[3]), AROUND, self._shipped)
        if x1 >= x2 or y1 >= y2:
            return -math.inf
        crop = _rgb(cut(self._shipped, (x1, y1, x2, y2)))
        landmarks = self._landmarks(crop)
        if landmarks is None:
            return -math.inf
        vector = self._vector(crop, landmarks)
        originals = [self._original(index) for index in places]
        return max((float(original[1] @ vector) for original in originals if original), default=-math.inf)

    def _original(self, place: int) -> tuple[FloatArray, FloatArray] | None:
        """Return landmarks and embedding of a removed face; None if no face is detected in its crop."""
        if place not in self._originals:
            face = _rgb(self._portraits[place].image)
            landmarks = self._landmarks(face)
            original = None if landmarks is None else (landmarks, self._vector(face, landmarks))
            self._originals[place] = original
        return self._originals[place]

    def _landmarks(self, face: Image) -> FloatArray | None:
        """Return the landmarks of the best face in an image, (1, 5, 2) pixels; None without a face."""
        (found,) = self._detector.detect([_padded(face, self._detector.stride)], LANDMARK_THRESHOLD)
        return found.landmarks[:1] if len(found) else None

    def _vector(self, face: Image, landmarks: FloatArray) -> FloatArray:
        vector: FloatArray = self._recognizer.embed(self._recognizer.align(face, landmarks))[0]
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """Result of the search of one frame.

    Attributes:
        residuals: (n, 4) boxes in pixels of the frame: faces that reveal too much.
        similarity: Highest similarity to a removed face, residual or not; None if nothing was compared.
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
    """Return the share of each box that a mask covers, (n,)."""
    corners = bx.clip(finds, mask.shape[1], mask.shape[0]).round().astype(int).tolist()
    shares = [mask[y1:y2, x1:x2].mean() if x1 < x2 and y1 < y2 else 0.0 for x1, y1, x2, y2 in corners]
    return np.array(shares, np.float64)


def _view(box: Boxes, stride: int) -> tuple[int, int, int]:
    """Return left, top and side of the square to search around a box, twice its longer side."""
    min_side = max(SMALLEST_VIEW, 2 * float(np.max(box[2:] - box[:2])))
    side = math.ceil(min_side / stride) * stride
    x, y = (max(0, round(middle - side / 2)) for middle in bx.centre(box).tolist())
    return x, y, side


def _padded(picture: Image, stride: int) -> Image:
    """Pad an image with black at the right and bottom to multiples of the stride."""
    right, below = ((-side) % stride for side in (picture.shape[1], picture.shape[0]))
    return np.pad(picture, ((0, below), (0, right), (0, 0)))


def _rgb(image: Image) -> Image:
    return np.ascontiguousarray(image[:, :, ::-1])
