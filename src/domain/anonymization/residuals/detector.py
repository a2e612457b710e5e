"""Detector of residual faces: searches one redacted frame and decides which detections reveal too much.

A detector has false positives on redacted frames: a black box above a pair of shoulders, or a mosaic in the
colours of a face. The criterion for a residual therefore depends on the redaction under the detection:

- Mostly unredacted: residual if its score is close to the acceptance threshold of the source
  (``ACCEPT_FACTOR``). A lower score suffices if it resembles a face that was removed there.
- Mostly filled with black: nothing is left to compare, so the score alone decides.
- Inside the box of a face that was kept on purpose, and not redacted: this is that face, not a residual.
- On a mosaic or blur: a detection is to be expected. It is a residual, whatever its score, if what is left
  resembles the removed face more than different people resemble each other.

Two faces match if the cosine similarity of their embeddings reaches the usual threshold for one person; see
`default_threshold`. The remains of a face are aligned by the landmarks of the original
face, so the comparison has the exact position, as an attacker might. This is no bound on the capability of a
recogniser trained on mosaics, and only faces that the detector detects again are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.display_shape import ReshapedFrame
from framecloak.domain.anonymization.detection.faces import SAME_FACE_IOU, FaceSearch
from framecloak.domain.anonymization.detection.scales import DetectionScale, scaled_sizes
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.residuals import FaceCrop, PendingCheck
from framecloak.domain.anonymization.residuals.face_crops import CROP_MARGIN, crop, expand, stretch
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes, Corners
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import ImageSampler
from framecloak.domain.reid.matching import default_threshold

SEARCH_THRESHOLD = 0.2
"""Minimum score of a detection that is compared with the removed faces."""

SAMPLE_SCALE = DetectionScale(960)
"""Detection scale of the sampled search: the scale applied to every frame of a video."""

MIN_CROP_SIDE_PX = 128
"""Minimum side in pixels of the crop searched around a box."""

ACCEPT_FACTOR = 0.9
"""Factor on the acceptance threshold of the source: other decoders and scales yield slightly more."""

MIN_REDACTED_SHARE = 0.5
"""Minimum redacted share of a detection for it to count as a detection on redacted pixels."""

MIN_KEPT_SHARE = 0.8
"""Minimum share of a detection inside the box of a kept face for it to be that face."""

LANDMARK_THRESHOLD = 0.2
"""Minimum score of a face in the crop of a removed face, where it was detected before."""


@dataclass(frozen=True, slots=True)
class ResidualDetector:
    """Detector of residual faces in redacted frames. Thread-safe.

    Attributes:
        detector: face detector.
        sampler: sampler of turned images.
        recognizer: face recogniser for the comparison with removed faces; None if none is installed.
        scales: detection scales for whole frames.
        accept_score: score from which a detection in the source is accepted as a face.
        pass_offset: offset in frames of the periodic detection passes; they run this many frames earlier
            than in the source.
    """

    detector: FaceDetector
    sampler: ImageSampler
    recognizer: FaceRecognizer | None
    scales: tuple[DetectionScale, ...]
    accept_score: float
    pass_offset: int = 0

    def detect(self, redacted_frame: Frame, pending: PendingCheck, mask: RedactionMask) -> ResidualReport:
        """Search a redacted frame for residual faces.

        Args:
            redacted_frame: frame decoded from the bytes to deliver.
            pending: removed faces, and the scope of the search.
            mask: mask of the replaced pixels.

        Raises:
            FrameAnalysisError: the frame cannot be decoded, or a model fails on it.
        """
        # The encoded frame does not state the shape in which the source is displayed.
        redacted_frame = ReshapedFrame(redacted_frame, pending.display_size)
        found = self._detections(redacted_frame, pending)
        unintended = ~mask.shows_kept_face(found.boxes)
        found = FrameDetections(found.boxes[unintended], found.scores[unintended])
        if not len(found.scores):
            return ResidualReport(np.empty((0, 4)), None)
        similarity = self._similarities(redacted_frame, found.boxes, mask, pending.face_crops)
        limit = default_threshold(self.recognizer.space) if self.recognizer else math.inf
        alike = similarity >= limit
        expected = mask.mostly_redacted(found.boxes) & ~mask.mostly_black(found.boxes)
        residual = np.where(expected, alike, alike | (found.scores >= ACCEPT_FACTOR * self.accept_score))
        highest = float(similarity.max())
        return ResidualReport(found.boxes[residual], round(highest, 4) if math.isfinite(highest) else None)

    def _detections(self, redacted_frame: Frame, pending: PendingCheck) -> FrameDetections:
        """Detect faces in the whole frame, or only around the boxes of the search scope."""
        if pending.scope.near:
            return self._detections_near(redacted_frame, pending.scope.near)
        search = FaceSearch(self.detector, self.sampler)
        (analysis,) = search.analyze([redacted_frame], self.scales, SEARCH_THRESHOLD, self.pass_offset)
        if analysis.faces is None:
            raise FrameAnalysisError(f"frame {redacted_frame.index} cannot be searched again")
        return analysis.faces

    def _detections_near(self, redacted_frame: Frame, near: Sequence[Corners]) -> FrameDetections:
        stride = self.detector.stride
        size = redacted_frame.display_size
        ((width, height),) = scaled_sizes(redacted_frame.index, size, (SAMPLE_SCALE,), stride)
        image = redacted_frame.rgb(width, height)
        zoom = np.tile((redacted_frame.width / width, redacted_frame.height / height), 2)
        detections = []
        for box in near:
            x, y, side = _search_square(np.array(box) / zoom, stride)
            crop = np.ascontiguousarray(image[y : y + side, x : x + side])
            (result,) = self.detector.detect([_padded(crop, stride)], SEARCH_THRESHOLD)
            in_image = box_geometry.shift(result.boxes.astype(np.float64), np.array([x, y], np.float64))
            detections.append(FrameDetections(in_image * zoom, result.scores.astype(np.float64)))
        boxes = np.concatenate([part.boxes for part in detections])
        scores = np.concatenate([part.scores for part in detections])
        selected = box_geometry.nms(boxes, scores, SAME_FACE_IOU)
        return FrameDetections(boxes[selected], scores[selected])

    def _similarities(
        self,
        redacted_frame: Frame,
        boxes: Boxes,
        mask: RedactionMask,
        removed_faces: Sequence[FaceCrop],
    ) -> NDArray[np.float64]:
        """Return each detection's highest similarity to a removed face, (n,); -inf if not compared."""
        similarity = np.full(len(boxes), -np.inf)
        if self.recognizer is None or not removed_faces:
            return similarity
        removed_boxes = np.array([face_crop.box for face_crop in removed_faces], np.float64)
        pairs = box_geometry.iou(boxes, removed_boxes) > 0
        on_redacted = mask.mostly_redacted(boxes)
        # Black pixels leave nothing to compare.
        pairs[mask.mostly_black(boxes)] = False
        pairs[np.ix_(on_redacted, mask.mostly_black(removed_boxes))] = False
        if not pairs.any():
            return similarity
        comparison = _RemovedFaceComparison(
            self.detector, self.recognizer, removed_faces, redacted_frame.bgr(), redacted_frame.display_size
        )
        for row in np.flatnonzero(pairs.any(axis=1)).tolist():
            indices = np.flatnonzero(pairs[row]).tolist()
            if on_redacted[row]:
                similarity[row] = max(comparison.similarity_in_place(index) for index in indices)
            else:
                similarity[row] = comparison.similarity_of_box(boxes[row], indices)
        return similarity


class RedactionMask:
    """Masks of the replaced pixels of a frame.

    Args:
        size: width and height of the frame in pixels.
        boxes: all replaced boxes.
        black: boxes that were filled with black.
        kept_faces: boxes of faces that stay visible on purpose.
    """

    def __init__(
        self,
        size: tuple[int, int],
        boxes: Sequence[Corners],
        black: Sequence[Corners],
        kept_faces: Sequence[Corners] = (),
    ) -> None:
        self._redacted = _mask(size, boxes)
        self._black = _mask(size, black)
        self._kept = np.array(kept_faces, np.float64).reshape(-1, 4)

    def mostly_redacted(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), were mostly redacted."""
        return _shares(self._redacted, boxes) >= MIN_REDACTED_SHARE

    def mostly_black(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), are mostly black."""
        return _shares(self._black, boxes) >= MIN_REDACTED_SHARE

    def shows_kept_face(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Return which boxes, (n, 4), show faces that stay visible on purpose."""
        if not len(self._kept):
            return np.zeros(len(boxes), bool)
        inside = box_geometry.share_inside(boxes, self._kept).max(axis=1, initial=0.0)
        return np.asarray((inside >= MIN_KEPT_SHARE) & ~self.mostly_redacted(boxes))


class _RemovedFaceComparison:
    """Comparison of a redacted frame with the faces that were removed from it.

    Args:
        detector: detector of facial landmarks.
        recognizer: recogniser that computes the embeddings.
        removed_faces: crops of the removed faces.
        redacted_image: (height, width, 3) uint8 BGR, the redacted frame.
        display_size: width and height of the frame in square pixels, the shape in which faces are compared.
    """

    def __init__(
        self,
        detector: FaceDetector,
        recognizer: FaceRecognizer,
        removed_faces: Sequence[FaceCrop],
        redacted_image: Image,
        display_size: tuple[int, int],
    ) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self._removed_faces = removed_faces
        self._redacted_image = redacted_image
        height, width = redacted_image.shape[:2]
        self._stretch = display_size[0] / width, display_size[1] / height
        self._originals: dict[int, tuple[FloatArray, FloatArray] | None] = {}
        self._similarities: dict[int, float] = {}

    def similarity_in_place(self, index: int) -> float:
        """Return the cosine similarity of a removed face and its redacted pixels; -inf if it is no face."""
        if index not in self._similarities:
            original = self._original(index)
            similarity = -math.inf
            if original is not None:
                landmarks, vector = original
                remains = self._displayed(crop(self._redacted_image, self._removed_faces[index].region))
                similarity = float(vector @ self._embedding(remains, landmarks))
            self._similarities[index] = similarity
        return self._similarities[index]

    def similarity_of_box(self, box: Boxes, indices: Sequence[int]) -> float:
        """Return the highest cosine similarity of a detection, (4,), to some removed faces; -inf if none."""
        corners = (
            box_geometry.clip(box, self._redacted_image.shape[1], self._redacted_image.shape[0])
            .round()
            .astype(int)
            .tolist()
        )
        x1, y1, x2, y2 = expand(
            (corners[0], corners[1], corners[2], corners[3]), CROP_MARGIN, self._redacted_image
        )
        if x1 >= x2 or y1 >= y2:
            return -math.inf
        remains = self._displayed(crop(self._redacted_image, (x1, y1, x2, y2)))
        landmarks = self._landmarks(remains)
        if landmarks is None:
            return -math.inf
        vector = self._embedding(remains, landmarks)
        originals = [self._original(index) for index in indices]
        return max((float(original[1] @ vector) for original in originals if original), default=-math.inf)

    def _original(self, index: int) -> tuple[FloatArray, FloatArray] | None:
        """Return landmarks and embedding of a removed face; None if no face is detected in its crop."""
        if index not in self._originals:
            face = self._displayed(self._removed_faces[index].image)
            landmarks = self._landmarks(face)
            original = None if landmarks is None else (landmarks, self._embedding(face, landmarks))
            self._originals[index] = original
        return self._originals[index]

    def _displayed(self, stored: Image) -> Image:
        """Return stored BGR pixels as displayed: RGB, with square pixels."""
        return _rgb(stretch(stored, self._stretch))

    def _landmarks(self, face: Image) -> FloatArray | None:
        """Return the landmarks of the best face in an image, (1, 5, 2) pixels; None without a face."""
        (found,) = self._detector.detect([_padded(face, self._detector.stride)], LANDMARK_THRESHOLD)
        return found.landmarks[:1] if len(found) else None

    def _embedding(self, face: Image, landmarks: FloatArray) -> FloatArray:
        vector: FloatArray = self._recognizer.embed(self._recognizer.align(face, landmarks))[0]
        return vector


@dataclass(frozen=True, slots=True, eq=False)
class ResidualReport:
    """Result of the search of one frame.

    Attributes:
        boxes: (n, 4) boxes in pixels of the frame: faces that reveal too much.
        similarity: highest similarity to a removed face, residual or not; None if nothing was compared.
    """

    boxes: Boxes
    similarity: float | None


def _mask(size: tuple[int, int], boxes: Sequence[Corners]) -> NDArray[np.bool_]:
    width, height = size
    mask = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


def _shares(mask: NDArray[np.bool_], boxes: Boxes) -> NDArray[np.float64]:
    """Return the share of each box that a mask covers, (n,)."""
    corners = box_geometry.clip(boxes, mask.shape[1], mask.shape[0]).round().astype(int).tolist()
    shares = [mask[y1:y2, x1:x2].mean() if x1 < x2 and y1 < y2 else 0.0 for x1, y1, x2, y2 in corners]
    return np.array(shares, np.float64)


def _search_square(box: Boxes, stride: int) -> tuple[int, int, int]:
    """Return left, top and side of the square to search around a box, twice its longer side."""
    min_side = max(MIN_CROP_SIDE_PX, 2 * float(np.max(box[2:] - box[:2])))
    side = math.ceil(min_side / stride) * stride
    x, y = (max(0, round(middle - side / 2)) for middle in box_geometry.centre(box).tolist())
    return x, y, side


def _padded(image: Image, stride: int) -> Image:
    """Pad an image with black at the right and bottom to multiples of the stride."""
    right, below = ((-side) % stride for side in (image.shape[1], image.shape[0]))
    return np.pad(image, ((0, below), (0, right), (0, 0)))


def _rgb(image: Image) -> Image:
    return np.ascontiguousarray(image[:, :, ::-1])
