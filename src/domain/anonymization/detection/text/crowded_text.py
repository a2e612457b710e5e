"""Frames with very many lines: the smallest ones are joined, so that the work on a frame is bounded.

Tracking compares lines in pairs and searches for each of them in other frames. Only a few hundred lines of a
frame are read at all, so that joining the smallest of a thousand and more keeps no less text readable.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry

MAX_LINES = 800
"""Number of lines of a frame that are tracked one by one, the largest first."""
_TILES = 8
"""Rows and columns of tiles within which the other lines are joined."""


def with_joined_crowds(found: FrameDetections, frame_size: tuple[int, int]) -> FrameDetections:
    """Return text in which all but the largest lines are joined, tile by tile.

    Args:
        found: text in a frame, in pixels.
        frame_size: width and height of the frame in pixels.

    Returns:
        At most ``MAX_LINES`` lines and one box a tile; each of the lines given is in one of the boxes.
    """
    boxes = found.boxes
    if len(boxes) <= MAX_LINES:
        return found
    largest = np.argsort(-box_geometry.area(boxes), kind="stable")
    kept, joined = np.sort(largest[:MAX_LINES]), np.sort(largest[MAX_LINES:])
    columns, rows = np.clip(
        np.floor(box_geometry.centre(boxes[joined]) * _TILES / np.array(frame_size)), 0, _TILES - 1
    ).T
    tiles = [joined[rows * _TILES + columns == tile] for tile in range(_TILES**2)]
    crowds = [tile for tile in tiles if len(tile)]
    enclosing = [
        np.concatenate([boxes[tile, :2].min(axis=0), boxes[tile, 2:].max(axis=0)]) for tile in crowds
    ]
    shaped, unconfirmed = found.plate_shaped, found.unconfirmed
    no_flags = np.zeros(len(crowds), bool)
    return replace(
        found,
        boxes=np.concatenate([boxes[kept], np.array(enclosing)]),
        scores=np.concatenate([found.scores[kept], [found.scores[tile].max() for tile in crowds]]),
        plate_shaped=None if shaped is None else np.concatenate([shaped[kept], no_flags]),
        unconfirmed=None if unconfirmed is None else np.concatenate([unconfirmed[kept], no_flags]),
    )
