"""Face samples: aligned crops of good enough quality for identification, collected per frame.

An aligned face crop is called a chip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from framecloak.domain.anonymization.model.analysis import FaceSample
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging import box_geometry
from framecloak.domain.model.faces import Quality
from framecloak.domain.ports.frames import Frame
from framecloak.domain.ports.models import FaceRecognizer
from framecloak.domain.reid.quality import assess

MIN_FACE_SIDE_PX = 32.0
"""Minimum shorter side of a face in pixels; smaller faces cannot be distinguished reliably."""

MIN_SHARPNESS = 0.2
"""Minimum sharpness; faces in focus have 0.45 and more."""

MAX_YAW_PITCH_DEGREES = 45.0
"""Maximum yaw and pitch of a head in degrees."""

MAX_ROLL_DEGREES = 60.0
"""Maximum roll of a head in degrees, relative to the direction in which its face was detected.

Alignment compensates for any roll. Landmarks that contradict the direction are wrong, though.
"""

MIN_SCORE = 0.5
"""Minimum detection score of a face that a recogniser can handle."""

_SATURATION_SIZE_PX = 112.0
_SATURATION_SHARPNESS = 0.45


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Sampling plan for identification; lengths are in frames on a grid of absolute frame indices.

    Attributes:
        slot: length of a slot; the best sample of each face in a slot is used.
        step: interval between sampled frames within a slot.
        context: slots on each side of a slot that its decision also uses.
        min_samples: minimum number of samples for a decision.
    """

    slot: int = 8
    step: int = 2
    context: int = 3
    min_samples: int = 3

    @classmethod
    def for_rate(cls, frames_per_second: float) -> Self:
        """Return the default plan for a frame rate; the defaults are tuned for 25 frames per second."""
        slot = max(2, round(8 * min(max(frames_per_second, 10.0), 60.0) / 25.0))
        return cls(slot=slot, step=max(1, slot // 4))

    @classmethod
    def for_images(cls) -> Self:
        """Return the plan for still images, where one sample has to suffice."""
        return cls(slot=1, step=1, context=0, min_samples=1)

    @property
    def reach(self) -> int:
        """Number of frames on each side of a frame that its decision may depend on."""
        return (self.context + 1) * self.slot if self.context else 0

    def is_sampled(self, index: int) -> bool:
        """Return whether faces of a frame are sampled."""
        return index % self.slot % self.step == 0


def collect_samples(
    frame: Frame, faces: FrameDetections, recognizer: FaceRecognizer
) -> Mapping[int, FaceSample]:
    """Collect samples of the faces in a frame that can be recognised.

    Args:
        frame: frame with the faces.
        faces: face detections in pixels of the frame.
        recognizer: recogniser that aligns the faces.

    Returns:
        Samples by detection row. Faces that are too small, turned away, blurred or of low score are left
        out. Empty if the frame cannot be read.
    """
    if faces.landmarks is None:
        return {}
    large = box_geometry.sides(faces.boxes).min(axis=1) >= MIN_FACE_SIDE_PX
    rows = np.flatnonzero(large & (faces.scores >= MIN_SCORE))
    if not len(rows):
        return {}
    try:
        image = frame.rgb(*frame.display_size)
    except FrameAnalysisError:
        return {}
    stretch = np.array(frame.display_size, np.float32) / np.array([frame.width, frame.height], np.float32)
    landmarks = (faces.landmarks[rows] * stretch).astype(np.float32)
    boxes = (faces.boxes * np.tile(stretch, 2)).astype(np.float32)
    views: dict[int, FaceSample] = {}
    directions = np.zeros(len(faces.scores), np.intp) if faces.directions is None else faces.directions
    for row, chip, points in zip(rows.tolist(), recognizer.align(image, landmarks), landmarks, strict=True):
        quality = assess(chip, points, boxes[row])
        if _is_usable(quality, int(directions[row])):
            views[row] = FaceSample(chip, _quality_score(quality))
    return views


def _is_usable(quality: Quality, direction: int) -> bool:
    """Return whether a face that was detected in this direction, in degrees, can be recognised."""
    rotation = max(abs(quality.yaw), abs(quality.pitch))
    roll = (quality.roll + direction + 180) % 360 - 180
    return (
        quality.sharpness >= MIN_SHARPNESS
        and rotation <= MAX_YAW_PITCH_DEGREES
        and abs(roll) <= MAX_ROLL_DEGREES
    )


def _quality_score(quality: Quality) -> float:
    """Return the product of frontality, size and sharpness; the latter two saturate."""
    frontal = math.cos(math.radians(quality.yaw)) * math.cos(math.radians(quality.pitch))
    return (
        frontal
        * min(1.0, quality.size / _SATURATION_SIZE_PX)
        * min(1.0, quality.sharpness / _SATURATION_SHARPNESS)
    )
