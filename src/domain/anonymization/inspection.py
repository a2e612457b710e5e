"""Search one redacted frame for faces, and decide which finds show too much.

A detector finds faces where there are none: in a black box on a pair of shoulders, in a mosaic of the colours
of a face. What counts as a residual therefore depends on what redaction leaves:

- Where pixels were not redacted, a find is a residual when its score is one that makes a face in the source
  (``accept``); one with a lower score when it is like a face that was removed there.
- On what was redacted with black the same holds: nothing that passes for a face may be left.
- On a mosaic or a blur, a find is to be expected. It is a residual when what is left of the removed face is
  more like that face than strangers are.

Two faces are alike when the cosine of their vectors reaches what usually makes them one person; see
`domain.reid.matching.usual_threshold`. The part of the redacted frame that is compared is cut out by the
landmarks of the face that was removed, so that the comparison knows where to look, as an attacker might. It
is no bound on what a recogniser trained on mosaics can do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.anonymization import boxes as bx
from domain.anonymization.boxes import Boxes, Corners
from domain.anonymization.examination import SAME_FACE, examine
from domain.anonymization.looks import Look, sizes_due
from domain.anonymization.portraits import cut
from domain.anonymization.proof import Pending, Portrait
from domain.anonymization.request import RedactionStyle
from domain.anonymization.tracking import Found
from domain.detection import FloatArray, Image
from domain.errors import ExaminationError
from domain.ports import FaceDetector, Frame
from domain.ports.recognition import FaceRecognizer
from domain.reid.matching import usual_threshold

SEARCH_THRESHOLD = 0.2
"""Lowest score of a find worth comparing with the faces that were removed."""

SAMPLE_LOOK = Look(960)
"""At what size samples are searched: that of the look that every frame of a video gets."""

SMALLEST_VIEW = 128
"""Pixels of a side of what is searched around a box."""

ON_REDACTED = 0.5
"""Share of a find that must be redacted for it to be one on what redaction left."""

NOTHING_LEFT = 0.9
"""Share of a find filled with black above which there is nothing to compare."""

LANDMARK_THRESHOLD = 0.2
"""Lowest score of a face in the picture of a removed one; it was found there before."""


@dataclass(frozen=True, slots=True)
class Inspector:
    """Searches redacted frames. Safe to call from several threads at once.

    Attributes:
        detector: looks for faces.
        recognizer: compares them; None where none is installed.
        looks: the sizes at which whole frames are searched.
        accept: least score of a find that is a face whatever it is like.
        style: what replaces pixels.
    """

    detector: FaceDetector
    recognizer: FaceRecognizer | None
    looks: tuple[Look, ...]
    accept: float
    style: RedactionStyle

    def inspect(self, shipped: Frame, pending: Pending, redacted: Sequence[Corners]) -> Inspected:
        """Search a redacted frame.

        Args:
            shipped: decoded from the bytes that will be delivered.
            pending: what to search for, and where.
            redacted: everything that was replaced in it.

        Raises:
            ExaminationError: it cannot be decoded, or a model failed on it.
        """
        found = self._found(shipped, pending)
        if not len(found.scores):
            return Inspected(np.empty((0, 4)), None)
        covered = _shares_redacted(found.boxes, redacted, shipped)
        likeness = self._likeness(shipped, found.boxes, covered, pending.portraits)
        limit = usual_threshold(self.recognizer.space) if self.recognizer else math.inf
        alike = likeness >= limit
        expected = (covered >= ON_REDACTED) & (self.style is not RedactionStyle.SOLID)
        residual = np.where(expected, alike, alike | (found.scores >= self.accept))
        most = float(likeness.max())
        return Inspected(found.boxes[residual], round(most, 4) if math.isfinite(most) else None)

    def _found(self, shipped: Frame, pending: Pending) -> Found:
        """Faces in a frame, or around the boxes that it is to be searched around."""
        if pending.search.near:
            return self._found_near(shipped, pending.search.near)
        (seen,) = examine([shipped], self.detector, self.looks, SEARCH_THRESHOLD)
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
        covered: NDArray[np.float64],
        portraits: Sequence[Portrait],
    ) -> NDArray[np.float64]:
        """How like a removed face each find is, (n,); minus infinity where nothing was compared."""
        likeness = np.full(len(finds), -np.inf)
        if self.recognizer is None or not portraits:
            return likeness
        boxes = np.array([portrait.box for portrait in portraits], np.float64)
        together = bx.iou(finds, boxes) > 0
        if self.style is RedactionStyle.SOLID:
            together[covered >= NOTHING_LEFT] = False
        concerned = np.flatnonzero(together.any(axis=0)).tolist()
        if not concerned:
            return likeness
        image = shipped.bgr()
        left = np.full(len(portraits), -np.inf)
        for place in concerned:
            left[place] = self._similarity(self.recognizer, portraits[place], image)
        return np.asarray(np.where(together, left, -np.inf).max(axis=1))

    def _similarity(self, recognizer: FaceRecognizer, portrait: Portrait, shipped: Image) -> float:
        """The cosine between a removed face and what is left of it; minus infinity where that is no face."""
        original = _rgb(portrait.image)
        landmarks = self._landmarks(original)
        if landmarks is None:
            return -math.inf
        left = _rgb(cut(shipped, portrait.area))
        chips = np.concatenate([recognizer.align(one, landmarks) for one in (original, left)])
        first, second = (recognizer.embed(chip[np.newaxis])[0] for chip in chips)
        return float(first @ second)

    def _landmarks(self, face: Image) -> FloatArray | None:
        """Of the best face in a picture, (1, 5, 2) pixels."""
        (found,) = self.detector.detect([_padded(face, self.detector.stride)], LANDMARK_THRESHOLD)
        return found.landmarks[:1] if len(found) else None


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """What a search found.

    Attributes:
        residuals: (n, 4) pixels of the frame: faces that show too much.
        similarity: the highest to a removed face, residual or not; None where nothing was compared.
    """

    residuals: Boxes
    similarity: float | None


def _shares_redacted(finds: Boxes, redacted: Sequence[Corners], frame: Frame) -> NDArray[np.float64]:
    """How much of each find was redacted, (n,)."""
    mask = np.zeros((frame.height, frame.width), bool)
    for x1, y1, x2, y2 in redacted:
        mask[y1:y2, x1:x2] = True
    corners = bx.clip(finds, frame.width, frame.height).round().astype(int)
    shares = [mask[y1:y2, x1:x2].mean() if x1 < x2 and y1 < y2 else 0.0 for x1, y1, x2, y2 in corners]
    return np.array(shares)


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
