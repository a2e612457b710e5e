"""Detector of residual faces: searches one redacted frame and decides which detections reveal too much.

A detector has false positives on redacted frames: a black box above a pair of shoulders, or a mosaic in the
colours of a face. The criterion for a residual therefore depends on the redaction under the detection:

- Mostly unredacted: residual if its score is close to the acceptance threshold of the source
  (``ACCEPT_FACTOR``). A lower score suffices if it resembles a face that was removed there.
- Mostly filled with black: nothing is left to compare, so the score alone decides.
- Partly on replaced pixels, for these two: it must also be a face without them; see `SecondLook`.
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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.adaptive.opinions import STRONG_SCORE
from framecloak.domain.anonymization.detection.display_shape import ReshapedFrame
from framecloak.domain.anonymization.detection.faces import SAME_FACE_IOU, FaceSearch, selected
from framecloak.domain.anonymization.detection.scales import (
    DIAGONALS,
    QUARTER_TURNS,
    DetectionScale,
    scaled_sizes,
)
from framecloak.domain.anonymization.detection.second_opinion import SecondOpinion
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.residuals import (
    SAMPLE_INTERVAL,
    FaceCrop,
    PendingCheck,
    SearchScope,
)
from framecloak.domain.anonymization.residuals.directions import UPRIGHT, detect_in_directions
from framecloak.domain.anonymization.residuals.redaction_mask import RedactionMask
from framecloak.domain.anonymization.residuals.removed_faces import RemovedFaceComparison, padded
from framecloak.domain.anonymization.residuals.second_look import MAX_NEGLIGIBLE_SHARE, SecondLook
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes, Corners
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.ports.pixels import ImageSampler
from framecloak.domain.reid.matching import default_threshold

SEARCH_THRESHOLD = 0.2
"""Minimum score of a detection that is compared with the removed faces."""

MIN_TURNED_RESIDUAL_SCORE = 0.5
"""Score below which a face that is found in another direction than upright is ignored."""

SAMPLE_SCALE = DetectionScale(960)
"""Detection scale of the search around boxes: the one applied to every frame of a video."""

SAMPLE_SCALES = (
    SAMPLE_SCALE,
    *(DetectionScale(640, direction=turn, min_score=MIN_TURNED_RESIDUAL_SCORE) for turn in QUARTER_TURNS),
    *(
        DetectionScale(640, 5 * SAMPLE_INTERVAL, direction=turn, min_score=MIN_TURNED_RESIDUAL_SCORE)
        for turn in DIAGONALS
    ),
)
"""Detection scales and directions of the sampled search of whole frames."""

MIN_CROP_SIDE_PX = 128
"""Minimum side in pixels of the crop searched around a box."""

ACCEPT_FACTOR = 0.9
"""Factor on the acceptance threshold of the source: other decoders and scales yield slightly more."""


class VisibleFaceJudge(Protocol):
    """Judge of detections on replaced pixels; `SecondLook` is one."""

    def confirmed(
        self, image: Image, visible: NDArray[np.bool_], boxes: Boxes, replaced: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which detections are faces in the visible pixels, (n,).

        Args:
            image: (height, width, 3) uint8 RGB, the redacted frame.
            visible: (height, width); False for replaced pixels.
            boxes: (n, 4) detections.
            replaced: (n,) share of each detection that was replaced.

        Raises:
            FrameAnalysisError: a model fails.
        """
        ...


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
        judge: judge of detections on replaced pixels; None for a `SecondLook` with the same detector.
        turns: directions of the search around boxes and of the second look, in quarter turns clockwise; the
            search of whole frames has the directions of its scales.
        opinion: second opinions, which refute detections as they do in the source; None for none.
    """

    detector: FaceDetector
    sampler: ImageSampler
    recognizer: FaceRecognizer | None
    scales: tuple[DetectionScale, ...]
    accept_score: float
    pass_offset: int = 0
    judge: VisibleFaceJudge | None = None
    turns: tuple[int, ...] = UPRIGHT
    opinion: SecondOpinion | None = None

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
        found = self._unintended(redacted_frame, pending.scope, mask)
        if not len(found.scores):
            return ResidualReport(np.empty((0, 4)), None)
        similarity = self._similarities(redacted_frame, found.boxes, mask, pending.face_crops)
        limit = default_threshold(self.recognizer.space) if self.recognizer else math.inf
        alike = similarity >= limit
        expected = mask.mostly_redacted(found.boxes) & ~mask.mostly_black(found.boxes)
        sure = ~expected & ~alike & (found.scores >= ACCEPT_FACTOR * self.accept_score)
        sure &= ~self._refuted(redacted_frame, found, mask, sure)
        residual = alike | self._confirmed(redacted_frame, found.boxes, mask, sure)
        highest = float(similarity.max())
        return ResidualReport(found.boxes[residual], round(highest, 4) if math.isfinite(highest) else None)

    def detect_beside_residual(self, redacted_frame: Frame, mask: RedactionMask) -> NeighbourReport:
        """Search a whole redacted frame that is a neighbour of one with a residual.

        Args:
            redacted_frame: frame decoded from its encoded bytes, in the shape in which it is displayed.
            mask: mask of the replaced pixels.

        Raises:
            FrameAnalysisError: the frame cannot be decoded, or a model fails on it.
        """
        found = self._unintended(redacted_frame, SearchScope(), mask)
        expected = mask.mostly_redacted(found.boxes) & ~mask.mostly_black(found.boxes)
        refuted = self._refuted(redacted_frame, found, mask, ~expected)
        confirmed = self._confirmed(redacted_frame, found.boxes, mask, ~expected & ~refuted)
        sure = confirmed & (found.scores >= ACCEPT_FACTOR * self.accept_score)
        return NeighbourReport(found.boxes[sure], found.boxes[expected | confirmed])

    def _confirmed(
        self, redacted_frame: Frame, boxes: Boxes, mask: RedactionMask, doubtful: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return which of the doubtful detections, (n,), are faces without the replaced pixels."""
        confirmed = doubtful.copy()
        if doubtful.any():
            size = redacted_frame.display_size
            zoom = np.tile([size[0] / redacted_frame.width, size[1] / redacted_frame.height], 2)
            image = redacted_frame.rgb(*size)
            judge = self.judge or SecondLook(self.detector, self.turns)
            shares = mask.redacted_share(boxes[doubtful])
            confirmed[doubtful] = judge.confirmed(
                image, mask.visible_at(size), boxes[doubtful] * zoom, shares
            )
        return confirmed

    def _refuted(
        self, redacted_frame: Frame, found: FrameDetections, mask: RedactionMask, open_rows: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return which detections on visible pixels a closer look refutes, (n,), as in the source."""
        visible = mask.redacted_share(found.boxes) < MAX_NEGLIGIBLE_SHARE
        doubtful = np.flatnonzero(open_rows & visible & (found.scores < STRONG_SCORE))
        refuted = np.zeros(len(found.scores), bool)
        if self.opinion is not None:
            refuted[doubtful] = self.opinion.refuted(redacted_frame, selected(found, doubtful.tolist()))
        return refuted

    def _unintended(self, redacted_frame: Frame, scope: SearchScope, mask: RedactionMask) -> FrameDetections:
        """Detect faces in a frame, without those that were kept on purpose."""
        found = self._detections(redacted_frame, scope)
        unintended = ~mask.shows_kept_face(found.boxes)
        return selected(found, np.flatnonzero(unintended).tolist())

    def _detections(self, redacted_frame: Frame, scope: SearchScope) -> FrameDetections:
        """Detect faces in the whole frame, or only around the boxes of the search scope."""
        if scope.near:
            return self._detections_near(redacted_frame, scope.near)
        search = FaceSearch(self.detector, self.sampler, screen=self._screen)
        (analysis,) = search.analyze([redacted_frame], self.scales, SEARCH_THRESHOLD, self.pass_offset)
        if analysis.faces is None:
            raise FrameAnalysisError(f"frame {redacted_frame.index} cannot be searched again")
        return analysis.faces

    @property
    def _screen(self) -> FaceDetector | None:
        """Faster detector that says where to look in turned images."""
        return self.opinion.second if self.opinion else None

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
            result = detect_in_directions(
                self.detector, padded(crop, stride), SEARCH_THRESHOLD, self.turns, self._screen
            )
            in_image = box_geometry.shift(result.boxes, np.array([x, y], np.float64))
            detections.append(FrameDetections(in_image * zoom, result.scores))
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
        comparison = RemovedFaceComparison(
            self.detector, self.recognizer, removed_faces, redacted_frame.bgr(), redacted_frame.display_size
        )
        for row in np.flatnonzero(pairs.any(axis=1)).tolist():
            indices = np.flatnonzero(pairs[row]).tolist()
            if on_redacted[row]:
                similarity[row] = max(comparison.similarity_in_place(index) for index in indices)
            else:
                similarity[row] = comparison.similarity_of_box(boxes[row], indices)
        return similarity


@dataclass(frozen=True, slots=True, eq=False)
class ResidualReport:
    """Result of the search of one frame.

    Attributes:
        boxes: (n, 4) boxes in pixels of the frame: faces that reveal too much.
        similarity: highest similarity to a removed face, residual or not; None if nothing was compared.
    """

    boxes: Boxes
    similarity: float | None


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourReport:
    """Result of the search of a neighbour of a frame with a residual.

    Attributes:
        residuals: (n, 4) boxes of faces that reveal too much by themselves.
        candidates: (m, 4) boxes of all detections that may be the face that the neighbour showed.
    """

    residuals: Boxes
    candidates: Boxes


def _search_square(box: Boxes, stride: int) -> tuple[int, int, int]:
    """Return left, top and side of the square to search around a box, twice its longer side."""
    min_side = max(MIN_CROP_SIDE_PX, 2 * float(np.max(box[2:] - box[:2])))
    side = math.ceil(min_side / stride) * stride
    x, y = (max(0, round(middle - side / 2)) for middle in box_geometry.centre(box).tolist())
    return x, y, side
