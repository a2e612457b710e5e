"""Detection of text and licence plates, which change more slowly than faces and are detected less often.

Detectors run on every ``TextAndPlateSettings.every``-th frame of a video. Adaptive detection adds frames
between two passes that disagree, and the tracker carries the detections over the remaining frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.scales import DetectionScale, scaled_sizes
from framecloak.domain.anonymization.detection.text.crowded_text import with_joined_crowds
from framecloak.domain.anonymization.detection.text.large_text import mark_unconfirmed
from framecloak.domain.anonymization.detection.text.line_ends import WEAK_SHARE, with_weak_ends
from framecloak.domain.anonymization.detection.text.views import Detect, without_views
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import PLATE_MARGIN, TEXT_MARGIN
from framecloak.domain.anonymization.model.options import MAX_TEXT_SHARE
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import BoxDetector

MIN_SHARE_INSIDE = 0.9
"""Share of a box inside another one from which on the smaller box is redundant."""


PLATE_ASPECT_RATIOS = (1.2, 4.5)
"""Smallest and largest ratio of width to height of the text on a plate."""


@dataclass(frozen=True, slots=True)
class TextAndPlateSettings:
    """Settings of text and plate detection.

    Attributes:
        longest_sides: longer sides of the scaled images in pixels; frames are never enlarged to them.
        every: detection interval in frames: detectors always run on frames whose index is a multiple of it.
        extra_sides: longer sides of further images, for the smallest and the largest text.
        extra_every: detection interval of those, a multiple of ``every``.
        threshold: lowest score that is passed to the tracker.
        tracking: tracker settings for text and plates; lengths are in frames.
        max_share: share of the frame's area, 0 to 1, above which text counts only if several detections
            agree: at another scale, in the lines inside it, or in three frames of its track.
    """

    longest_sides: tuple[int, ...]
    every: int
    threshold: float
    tracking: TrackingSettings
    max_share: float = MAX_TEXT_SHARE
    extra_sides: tuple[int, ...] = ()
    extra_every: int = 1

    @property
    def scales(self) -> tuple[DetectionScale, ...]:
        """All scales; the extra ones apply to fewer frames."""
        extra = (DetectionScale(side, every=self.extra_every) for side in self.extra_sides)
        return (*(DetectionScale(side) for side in self.longest_sides), *extra)


VIDEO_TEXT_AND_PLATES = TextAndPlateSettings(
    longest_sides=(1280,),
    every=6,
    # At 1280, a third of the plates below 1.6 % of the frame's width is missed, and one of ten above a fifth.
    extra_sides=(640, 1920),
    extra_every=12,
    threshold=0.35,
    # Two passes in a row may miss a box; both ends of a track extend to the pass that did not detect it.
    tracking=TrackingSettings(
        accept=0.5, memory=24, max_gap=18, extension=6, margin=0.0, smoothing=0, widen=False
    ),
)

IMAGE_TEXT_AND_PLATES = TextAndPlateSettings(
    longest_sides=(640, 1280, 1920),
    every=1,
    threshold=0.4,
    tracking=TrackingSettings(
        accept=0.4, memory=0, max_gap=1, extension=0, margin=0.0, smoothing=0, widen=False
    ),
)


def detect_text_and_plates(
    frame: Frame, detectors: Mapping[TargetKind, BoxDetector], settings: TextAndPlateSettings
) -> dict[TargetKind, FrameDetections]:
    """Detect text and plates in a frame.

    Args:
        frame: frame to search, at every scale in the settings.
        detectors: detectors by the kind they detect.
        settings: scales and thresholds.

    Returns:
        Padded boxes in pixels of the frame, by kind.

    Raises:
        FrameAnalysisError: the frame was not decoded, or a detector failed on it.
    """
    stride = max(detector.stride for detector in detectors.values())
    frame_size = frame.width, frame.height
    sizes = scaled_sizes(frame.index, frame.display_size, settings.scales, stride)
    merged: dict[TargetKind, FrameDetections] = {}
    for kind, detector in detectors.items():
        detect = partial(_detect_in, frame, kind, detector, settings.threshold)
        look = partial(_detect_at, frame, detect)
        by_size = {size: look(size) for size in sizes}
        if kind is TargetKind.TEXT:
            by_size = without_views(by_size, frame, detect, detector.stride)
            merged[kind] = with_joined_crowds(
                _merge(mark_unconfirmed(by_size, frame_size, detector.stride, look, settings.max_share)),
                frame_size,
            )
        else:
            merged[kind] = _merge(list(by_size.values()))
    return merged


def _detect_at(frame: Frame, detect: Detect, size: tuple[int, int]) -> FrameDetections:
    """Return the detections in a frame scaled to a width and height: padded, in pixels of the frame."""
    return detect(frame.rgb(*size))


def _detect_in(
    frame: Frame, kind: TargetKind, detector: BoxDetector, threshold: float, image: Image
) -> FrameDetections:
    """Return the detections in an image of a frame: padded, in pixels of the frame."""
    height, width = image.shape[:2]
    lowest = WEAK_SHARE * threshold if kind is TargetKind.TEXT else threshold
    raw = detector.detect(image, lowest)
    boxes = raw.boxes * np.tile([frame.width / width, frame.height / height], 2)
    like_plates = plate_shaped(boxes)
    padded, scores = pad_text(boxes, like_plates), raw.scores.astype(np.float64)
    if kind is not TargetKind.TEXT:
        return FrameDetections(padded, scores)
    lines = with_weak_ends(FrameDetections(padded, scores, plate_shaped=like_plates), threshold)
    return with_joined_crowds(lines, (frame.width, frame.height))


def plate_shaped(boxes: Boxes) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) have the aspect ratio of the text on a plate, as (n,) bool."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    shape = width / np.maximum(height, 1e-9)
    return np.asarray((shape >= PLATE_ASPECT_RATIOS[0]) & (shape <= PLATE_ASPECT_RATIOS[1]))


def pad_text(boxes: Boxes, are_plate_shaped: NDArray[np.bool_]) -> Boxes:
    """Pad boxes (n, 4) for parts of the text that are not detected: strokes, and the rim of a plate.

    Args:
        boxes: boxes of text, in pixels.
        are_plate_shaped: (n,) bool, True for boxes with the aspect ratio of a plate.
    """
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    return box_geometry.pad(boxes, np.where(are_plate_shaped, PLATE_MARGIN, TEXT_MARGIN) * shorter)


def _merge(per_scale: Sequence[FrameDetections]) -> FrameDetections:
    """Merge the detections of several scales, dropping boxes that lie inside a larger one.

    Overlapping boxes are not suppressed: if two scales detect different words of a line, both remain.
    """
    if len(per_scale) == 1:
        return per_scale[0]
    boxes = np.concatenate([detections.boxes for detections in per_scale])
    scores = np.concatenate([detections.scores for detections in per_scale])
    shape_flags = [detections.plate_shaped for detections in per_scale if detections.plate_shaped is not None]
    unconfirmed = np.concatenate([_unconfirmed(detections) for detections in per_scale])
    larger_first = np.argsort(-box_geometry.area(boxes), kind="stable")
    boxes, scores = boxes[larger_first], scores[larger_first].copy()
    unconfirmed = unconfirmed[larger_first]
    like_plates = np.concatenate(shape_flags)[larger_first] if shape_flags else None
    kept = np.ones(len(boxes), bool)
    # A margin may reach over a smaller line beside it, which is another text.
    bare = boxes if like_plates is None else _without_margins(boxes, like_plates)
    inside = box_geometry.share_inside(bare, bare) >= MIN_SHARE_INSIDE
    for small in range(1, len(boxes)):
        holders = np.flatnonzero(inside[small, :small] & kept[:small] & ~unconfirmed[:small])
        if len(holders):
            kept[small] = False
            scores[holders[0]] = max(scores[holders[0]], scores[small])
    return FrameDetections(
        boxes[kept],
        scores[kept],
        plate_shaped=None if like_plates is None else like_plates[kept],
        unconfirmed=unconfirmed[kept],
    )


def _without_margins(boxes: Boxes, are_plate_shaped: NDArray[np.bool_]) -> Boxes:
    """Return the boxes (n, 4) that `pad_text` has padded, as they were before."""
    shares = np.where(are_plate_shaped, PLATE_MARGIN, TEXT_MARGIN)
    shorter = box_geometry.sides(boxes).min(axis=1)
    return box_geometry.pad(boxes, -shares * shorter / (1 + 2 * shares))


def _unconfirmed(detections: FrameDetections) -> NDArray[np.bool_]:
    if detections.unconfirmed is None:
        return np.zeros(len(detections.scores), bool)
    return detections.unconfirmed
