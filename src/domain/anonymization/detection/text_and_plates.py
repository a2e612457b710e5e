"""Look for text and licence plates, which change more slowly than faces and so are looked for less often.

A video's frames get a look at every ``AreaSettings.every``-th number; `closer_looks` adds those between two
looks that do not agree, and `following` carries what was found over the frames that had none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.scales import Look, sizes_due
from framecloak.domain.anonymization.tracking.tracker import Found, TrackedBox, TrackingSettings, Tracks
from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import Kind
from framecloak.domain.ports import AreaDetector, Frame

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
            boxes = areas.boxes * zoom
            like_plates = have_plate_shape(boxes)
            found = Found(padded(boxes, like_plates), areas.scores.astype(np.float64))
            finds[kind].append(replace(found, like_plates=like_plates) if kind is Kind.TEXT else found)
    return {kind: _merged(several) for kind, several in finds.items()}


def have_plate_shape(boxes: Boxes) -> NDArray[np.bool_]:
    """Which boxes (n, 4) are as wide for their height as what is written on a plate."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    shape = width / np.maximum(height, 1e-9)
    return np.asarray((shape >= PLATE_SHAPES[0]) & (shape <= PLATE_SHAPES[1]))


def padded(boxes: Boxes, like_plates: NDArray[np.bool_]) -> Boxes:
    """Boxes (n, 4) with room for what belongs to the text and is not found: strokes, and a plate's rim.

    Args:
        boxes: what is written.
        like_plates: (n,), which of them have the shape of a plate.
    """
    shorter = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    return bx.pad(boxes, np.where(like_plates, PLATE_PADDING, PADDING) * shorter)


def plates_among(tracks: Tracks, found: Sequence[Found], reach: int) -> list[list[TrackedBox]]:
    """Take tracks of text for plates where most of their finds nearby have the shape of one.

    All finds within reach have a say, so that a plate that is seen at a slant for a moment stays one; those
    further away have none, so that slices of a video agree with each other.

    Args:
        tracks: of text.
        found: per frame, what was found.
        reach: frames on each side.

    Returns:
        The boxes of every frame, in their order; what was taken for a plate says so.
    """
    votes = [
        [(frame, bool(like[row])) for frame, row in members if (like := found[frame].like_plates) is not None]
        for members in tracks.members
    ]
    boxes: list[list[TrackedBox]] = []
    for index, there in enumerate(tracks.boxes):
        near = [[like for frame, like in votes[box.track] if abs(frame - index) <= reach] for box in there]
        boxes.append(
            [
                replace(box, kind=Kind.PLATE, by_shape=True) if 2 * sum(likes) > len(likes) else box
                for box, likes in zip(there, near, strict=True)
            ]
        )
    return boxes


def _merged(finds: Sequence[Found]) -> Found:
    """One list out of several looks, without boxes that lie in a larger one.

    Nothing is suppressed for overlapping: of a line of which two looks find different words, all stay.
    """
    if len(finds) == 1:
        return finds[0]
    boxes = np.concatenate([one.boxes for one in finds])
    scores = np.concatenate([one.scores for one in finds])
    likes = [one.like_plates for one in finds if one.like_plates is not None]
    larger_first = np.argsort(-bx.area(boxes), kind="stable")
    boxes, scores = boxes[larger_first], scores[larger_first].copy()
    like_plates = np.concatenate(likes)[larger_first] if likes else None
    kept = np.ones(len(boxes), bool)
    inside = bx.shares_inside(boxes, boxes) >= SAME_AREA
    for small in range(1, len(boxes)):
        holders = np.flatnonzero(inside[small, :small] & kept[:small])
        if len(holders):
            kept[small] = False
            scores[holders[0]] = max(scores[holders[0]], scores[small])
    return Found(boxes[kept], scores[kept], like_plates=None if like_plates is None else like_plates[kept])
