"""Motion of a face between two looks, by the pixels of the head in the thumbnails of the frames between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.anonymization.tracking.following import follow
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

MAX_DISAGREEMENT = 0.25
"""Largest distance, in face sizes, between the positions of a head followed from either look."""


def path_between(thumbnails: Sequence[Thumbnail | None], before: Boxes, after: Boxes) -> Boxes | None:
    """Return the boxes of a face in the frames between two looks.

    The head is followed from either look to the other one. Only if both ways agree in every frame, and end at
    the other detection, do the detections show the same face.

    Args:
        thumbnails: those of both looks and of all n frames between.
        before: (4,) pixels of the frame, detection in the first look.
        after: (4,) pixels of the frame, detection in the second one.

    Returns:
        (n, 4) pixels of the frame; None if the ways do not agree, or the head cannot be located.
    """
    steps = len(thumbnails) - 1
    apart = box_geometry.centre(after) - box_geometry.centre(before)
    size = np.sqrt(box_geometry.size(before) * box_geometry.size(after))
    onwards = [before, *follow(thumbnails, before, apart / steps)]
    if len(onwards) <= steps:
        return None
    first = box_geometry.centre(np.array(onwards))
    # Where the first way ends elsewhere, the one back need not be followed.
    if np.hypot(*(first[-1] - box_geometry.centre(after))) > MAX_DISAGREEMENT * size:
        return None
    backwards = [after, *follow(thumbnails[::-1], after, -apart / steps)]
    if len(backwards) <= steps:
        return None
    second = box_geometry.centre(np.array(backwards[::-1]))
    if np.hypot(*(first - second).T).max() > MAX_DISAGREEMENT * size:
        return None
    share = np.linspace(0, 1, steps + 1)[:, None]
    centres = (1 - share) * first + share * second
    halves = ((1 - share) * box_geometry.sides(before) + share * box_geometry.sides(after)) / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)[1:-1]
