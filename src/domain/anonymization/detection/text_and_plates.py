"""Detection of text and licence plates, which change more slowly than faces and are detected less often.

Detectors run on every ``TextAndPlateSettings.every``-th frame of a video. Adaptive detection adds frames
between two passes that disagree, and the tracker carries the detections over the remaining frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.scales import DetectionScale, scaled_sizes
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.margins import PLATE_MARGIN, TEXT_MARGIN
from framecloak.domain.anonymization.tracking.settings import TrackingSettings
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import TargetKind
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
        threshold: lowest score that is passed to the tracker.
        tracking: tracker settings for text and plates; lengths are in frames.
    """

    longest_sides: tuple[int, ...]
    every: int
    threshold: float
    tracking: TrackingSettings


VIDEO_TEXT_AND_PLATES = TextAndPlateSettings(
    longest_sides=(1280,),
    every=6,
    threshold=0.35,
    # Two passes in a row may miss a box; both ends of a track extend to the pass that did not detect it.
    tracking=TrackingSettings(accept=0.5, memory=24, max_gap=18, extension=6, margin=0.0, smoothing=0),
)

IMAGE_TEXT_AND_PLATES = TextAndPlateSettings(
    longest_sides=(640, 1280, 1920),
    every=1,
    threshold=0.4,
    tracking=TrackingSettings(accept=0.4, memory=0, max_gap=1, extension=0, margin=0.0, smoothing=0),
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
    by_kind: dict[TargetKind, list[FrameDetections]] = {kind: [] for kind in detectors}
    stride = max(detector.stride for detector in detectors.values())
    scales = [DetectionScale(side) for side in settings.longest_sides]
    for width, height in scaled_sizes(frame.index, frame.display_size, scales, stride):
        image = frame.rgb(width, height)
        zoom = np.tile([frame.width / width, frame.height / height], 2)
        for kind, detector in detectors.items():
            raw = detector.detect(image, settings.threshold)
            boxes = raw.boxes * zoom
            like_plates = plate_shaped(boxes)
            found = FrameDetections(pad_text(boxes, like_plates), raw.scores.astype(np.float64))
            by_kind[kind].append(
                replace(found, plate_shaped=like_plates) if kind is TargetKind.TEXT else found
            )
    return {kind: _merge(detections) for kind, detections in by_kind.items()}


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
    larger_first = np.argsort(-box_geometry.area(boxes), kind="stable")
    boxes, scores = boxes[larger_first], scores[larger_first].copy()
    like_plates = np.concatenate(shape_flags)[larger_first] if shape_flags else None
    kept = np.ones(len(boxes), bool)
    inside = box_geometry.share_inside(boxes, boxes) >= MIN_SHARE_INSIDE
    for small in range(1, len(boxes)):
        holders = np.flatnonzero(inside[small, :small] & kept[:small])
        if len(holders):
            kept[small] = False
            scores[holders[0]] = max(scores[holders[0]], scores[small])
    return FrameDetections(
        boxes[kept], scores[kept], plate_shaped=None if like_plates is None else like_plates[kept]
    )
