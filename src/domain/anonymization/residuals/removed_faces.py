"""Comparison of a redacted frame with the faces that were removed from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from framecloak.domain.anonymization.model.residuals import FaceCrop
from framecloak.domain.anonymization.residuals.face_crops import CROP_MARGIN, crop, expand, stretch
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer

LANDMARK_THRESHOLD = 0.2
"""Minimum score of a face in the crop of a removed face, where it was detected before."""


class RemovedFaceComparison:
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
        (found,) = self._detector.detect([padded(face, self._detector.stride)], LANDMARK_THRESHOLD)
        return found.landmarks[:1] if len(found) else None

    def _embedding(self, face: Image, landmarks: FloatArray) -> FloatArray:
        vector: FloatArray = self._recognizer.embed(self._recognizer.align(face, landmarks))[0]
        return vector


def padded(image: Image, stride: int) -> Image:
    """Pad an image with black at the right and bottom to multiples of the stride."""
    right, below = ((-side) % stride for side in (image.shape[1], image.shape[0]))
    return np.pad(image, ((0, below), (0, right), (0, 0)))


def _rgb(image: Image) -> Image:
    return np.ascontiguousarray(image[:, :, ::-1])
