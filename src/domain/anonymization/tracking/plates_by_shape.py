"""Licence plates among tracks of text, recognised by their shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.anonymization.model.tracked_boxes import TrackedBox, Tracks
from framecloak.domain.imaging.detections import TargetKind


def reclassify_plates(
    tracks: Tracks, detections: Sequence[FrameDetections], reach: int
) -> list[list[TrackedBox]]:
    """Reclassify tracks of text as plates if most of their detections nearby have the shape of a plate.

    All detections within reach vote, so that a plate seen at a slant for a moment remains one. Detections
    further away do not vote, so that the result does not depend on the division into slices.

    Args:
        tracks: tracks of text.
        detections: text detections per frame.
        reach: number of frames on each side whose detections vote.

    Returns:
        The boxes of every frame, in their order; reclassified ones have kind plate and ``by_shape`` set.
    """
    votes = [
        [
            (frame, bool(like[row]))
            for frame, row in members
            if (like := detections[frame].plate_shaped) is not None
        ]
        for members in tracks.members
    ]
    boxes: list[list[TrackedBox]] = []
    for index, frame_boxes in enumerate(tracks.boxes):
        near = [
            [like for frame, like in votes[box.track] if abs(frame - index) <= reach] for box in frame_boxes
        ]
        boxes.append(
            [
                replace(box, kind=TargetKind.PLATE, by_shape=True) if 2 * sum(likes) > len(likes) else box
                for box, likes in zip(frame_boxes, near, strict=True)
            ]
        )
    return boxes
