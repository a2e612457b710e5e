"""Look for faces in one frame, at the sizes that its turn in the video asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.anonymization import boxes as bx
from domain.anonymization.scenes import Thumbnail, thumbnail
from domain.anonymization.tracking import Found
from domain.detection import Detections
from domain.ports import FaceDetector, Frame

SAME_FACE = 0.4
"""IoU above which finds of two looks are one face."""


@dataclass(frozen=True, slots=True)
class Look:
    """One size at which frames are examined.

    Attributes:
        longest_side: pixels of the examined picture's longer side; frames are never enlarged to it.
        every: the look is taken at every so many frames.
        offset: the first frame of the video at which it is taken.
    """

    longest_side: int
    every: int = 1
    offset: int = 0

    def due(self, index: int) -> bool:
        """Whether the frame with this number in the video gets the look.

        Counting in the video and not in the slice makes every slice look alike.
        """
        return index % self.every == self.offset


VIDEO_LOOKS = (Look(960), Look(1920, every=8, offset=4), Look(320, every=4, offset=2))
"""Every frame at a middle size; full size at times for what is far away, small for what fills the frame.

The tracker carries what an occasional look found over the frames between.
"""

PICTURE_LOOKS = (Look(320), Look(640), Look(960), Look(1920), Look(3840))
"""A single picture has no neighbours that could help, so it gets every look."""


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What was seen in one frame.

    Attributes:
        index: number of the frame in the video.
        found: boxes in pixels of the displayed frame; None when the frame could not be examined.
        impression: for finding cuts; None when the frame could not be examined.
    """

    index: int
    found: Found | None
    impression: Thumbnail | None


def examine(frame: Frame, detector: FaceDetector, looks: Sequence[Look], threshold: float) -> Examination:
    """Find the faces of one frame.

    Args:
        frame: any frame.
        detector: what to look with.
        looks: those that are due are taken.
        threshold: lowest score worth knowing.

    Raises:
        ExaminationError: the frame was not decoded, or the detector failed.
    """
    sizes = {
        _examined_size(frame, look.longest_side, detector.stride): None
        for look in looks
        if look.due(frame.index)
    }
    finds = []
    impression = None
    for width, height in sizes:
        picture = frame.rgb(width, height)
        if impression is None:
            impression = thumbnail(picture)
        (detections,) = detector.detect([picture], threshold)
        finds.append(detections.scaled(frame.width / width, frame.height / height))
    return Examination(frame.index, _merged(finds), impression)


def _examined_size(frame: Frame, longest_side: int, stride: int) -> tuple[int, int]:
    """Width and height of the picture to examine: in proportion, as multiples of the stride."""
    shrink = min(1.0, longest_side / max(frame.width, frame.height))
    sides = [max(1, round(side * shrink / stride)) * stride for side in (frame.width, frame.height)]
    return sides[0], sides[1]


def _merged(finds: Sequence[Detections]) -> Found:
    """One list out of several looks: of finds of the same face, the most certain."""
    boxes = np.concatenate([one.boxes for one in finds]).astype(np.float64)
    scores = np.concatenate([one.scores for one in finds]).astype(np.float64)
    if len(finds) > 1:
        kept = bx.suppress(boxes, scores, SAME_FACE)
        boxes, scores = boxes[kept], scores[kept]
    return Found(boxes, scores)
