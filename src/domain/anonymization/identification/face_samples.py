"""Views of faces that are good enough to tell whose they are, cut out while frames are examined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from framecloak.domain.anonymization.tracking.tracker import Found
from framecloak.domain.errors import ExaminationError
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports import Frame
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.quality import Quality, assess

SMALLEST = 32.0
"""Pixels of a face's shorter side; smaller ones look alike."""

BLURRIEST = 0.2
"""Least sharpness; faces in focus have 0.45 and more."""

MOST_TURNED = 45.0
"""Degrees that a head may be turned or raised."""

MOST_TILTED = 60.0
"""Degrees that it may be tilted; alignment turns it upright."""

SUREST = 0.5
"""Least score of a detection that shows a face as recognisers know them."""

_ENOUGH_PIXELS = 112.0
_ENOUGH_DETAIL = 0.45


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """Where evidence is looked for; lengths are in frames, and all of it lies on a grid of frame numbers.

    Attributes:
        slot: one view is taken of each face in every so many frames, the best.
        step: of those, every so many are looked at.
        context: slots on each side that a decision rests on beside its own.
        needed: views that it takes at least.
    """

    slot: int = 8
    step: int = 2
    context: int = 3
    needed: int = 3

    @classmethod
    def for_rate(cls, frames_per_second: float) -> Self:
        """The defaults, which are meant for 25 frames a second, stretched to another rate."""
        slot = max(2, round(8 * min(max(frames_per_second, 10.0), 60.0) / 25.0))
        return cls(slot=slot, step=max(1, slot // 4))

    @classmethod
    def for_pictures(cls) -> Self:
        """For pictures without neighbours: each has to do alone."""
        return cls(slot=1, step=1, context=0, needed=1)

    @property
    def reach(self) -> int:
        """Frames on each side of a frame that its decision may rest on."""
        return (self.context + 1) * self.slot if self.context else 0

    def looks_at(self, index: int) -> bool:
        """Whether faces of a frame are considered."""
        return index % self.slot % self.step == 0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A face in one frame.

    Attributes:
        chip: (side, side, 3) uint8 RGB, aligned for the recogniser.
        worth: how good a view it is; higher is better.
    """

    chip: Image
    worth: float


def take_views(frame: Frame, found: Found, recognizer: FaceRecognizer) -> Mapping[int, View]:
    """The faces of a frame that can be recognised.

    Args:
        frame: where they are.
        found: its faces, in pixels of the frame.
        recognizer: what they are cut out for.

    Returns:
        Views by the row of the detection. Faces that are too small, turned away, blurred or unsure are
        left out, and all of them are when the frame cannot be read.
    """
    if found.landmarks is None:
        return {}
    large = bx.sides(found.boxes).min(axis=1) >= SMALLEST
    rows = np.flatnonzero(large & (found.scores >= SUREST))
    if not len(rows):
        return {}
    try:
        image = frame.rgb(frame.width, frame.height)
    except ExaminationError:
        return {}
    landmarks = found.landmarks[rows]
    views: dict[int, View] = {}
    for row, chip, points in zip(rows.tolist(), recognizer.align(image, landmarks), landmarks, strict=True):
        quality = assess(chip, points, found.boxes[row].astype(np.float32))
        if _is_usable(quality):
            views[row] = View(chip, _worth(quality))
    return views


def _is_usable(quality: Quality) -> bool:
    turned = max(abs(quality.yaw), abs(quality.pitch))
    return quality.sharpness >= BLURRIEST and turned <= MOST_TURNED and abs(quality.roll) <= MOST_TILTED


def _worth(quality: Quality) -> float:
    """Size, sharpness and frontality, each up to where more of it does not help any more."""
    frontal = math.cos(math.radians(quality.yaw)) * math.cos(math.radians(quality.pitch))
    return frontal * min(1.0, quality.size / _ENOUGH_PIXELS) * min(1.0, quality.sharpness / _ENOUGH_DETAIL)
