"""Look for text and licence plates, which change more slowly than faces and so are looked for less often.

A video's frames get a look at every ``AreaSettings.every``-th number; `closer_looks` adds those between two
looks that do not agree, and `following` carries what was found over the frames that had none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.anonymization import boxes as bx
from domain.anonymization.boxes import Boxes
from domain.anonymization.looks import Look, sizes_due
from domain.anonymization.tracking import Found, TrackingSettings
from domain.detection import Kind
from domain.ports import AreaDetector, Frame

SAME_AREA = 0.9
"""Share of a box inside another from which on it adds nothing."""

PADDING = 0.2
"""What a box is padded with on every side, in its shorter sides."""

PLATE_PADDING = 0.4
"""The same for text of a plate's shape: a plate has a rim and small print that are no part of its number."""

PLATE_SHAPES = (1.2, 4.5)
"""Width by height of what is written on a plate."""


@dataclass(frozen=True, slots=True)
class AreaSettings:
    """How text and plates are looked for.

    Attributes:
        longest_sides: sizes of the examined pictures; frames are never enlarged to them.
        every: frames of a video whose number is a multiple of this are looked at whatever they show.
        threshold: lowest score that the tracker gets to know.
        tracking: what counts as text or as a plate, and how far evidence reaches; in frames.
    """

    longest_sides: tuple[int, ...]
    every: int
    threshold: float
    tracking: TrackingSettings


VIDEO_AREAS = AreaSettings(
    longest_sides=(1280,),
    every=6,
    threshold=0.35,
    # Two looks may miss it; both ends reach to the looks that did not show it.
    tracking=TrackingSettings(accept=0.5, memory=24, max_gap=18, extension=6, margin=0.0, smoothing=0),
)

PICTURE_AREAS = AreaSettings(
    longest_sides=(640, 1280, 1920),
    every=1,
    threshold=0.4,
    tracking=TrackingSettings(accept=0.4, memory=0, max_gap=1, extension=0, margin=0.0, smoothing=0),
)


def look_for_areas(
    frame: Frame, detectors: Mapping[Kind, AreaDetector], settings: AreaSettings
) -> dict[Kind, Found]:
    """Find text and plates in a frame.

    Args:
        frame: to look at, at every size in the settings.
        detectors: what to look with, by what it finds.
        settings: how to look.

    Returns:
        Boxes in pixels of the frame by kind, padded.

    Raises:
        ExaminationError: the frame was not decoded, or a detector failed on it.
    """
    finds: dict[Kind, list[Found]] = {kind: [] for kind in detectors}
    stride = max(detector.stride for detector in detectors.values())
    looks = [Look(side) for side in settings.longest_sides]
    for width, height in sizes_due(frame.index, (frame.width, frame.height), looks, stride):
        picture = frame.rgb(width, height)
        zoom = np.tile([frame.width / width, frame.height / height], 2)
        for kind, detector in detectors.items():
            areas = detector.detect(picture, settings.threshold)
            finds[kind].append(Found(padded(areas.boxes * zoom), areas.scores.astype(np.float64)))
    return {kind: _merged(several) for kind, several in finds.items()}


def padded(boxes: Boxes) -> Boxes:
    """Boxes (n, 4) with room for what belongs to the text and is not found: strokes, and a plate's rim."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    shape = width / np.maximum(height, 1e-9)
    like_plate = (shape >= PLATE_SHAPES[0]) & (shape <= PLATE_SHAPES[1])
    return bx.pad(boxes, np.where(like_plate, PLATE_PADDING, PADDING) * np.minimum(width, height))


def _merged(finds: Sequence[Found]) -> Found:
    """One list out of several looks, without boxes that lie in a larger one.

    Nothing is suppressed for overlapping: of a line of which two looks find different words, all stay.
    """
    if len(finds) == 1:
        return finds[0]
    boxes = np.concatenate([one.boxes for one in finds])
    scores = np.concatenate([one.scores for one in finds])
    larger_first = np.argsort(-bx.area(boxes), kind="stable")
    boxes, scores = boxes[larger_first], scores[larger_first].copy()
    kept = np.ones(len(boxes), bool)
    inside = bx.shares_inside(boxes, boxes) >= SAME_AREA
    for small in range(1, len(boxes)):
        holders = np.flatnonzero(inside[small, :small] & kept[:small])
        if len(holders):
            kept[small] = False
            scores[holders[0]] = max(scores[holders[0]], scores[small])
    return Found(boxes[kept], scores[kept])
