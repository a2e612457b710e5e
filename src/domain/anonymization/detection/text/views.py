"""Views of a camera on the plain ground of a device's screen, which the text detector takes for one letter.

An endoscope shows a round, octagonal or square view on black. The detector reports it, or a part of it, as a
single large character. Such a detection is replaced by what the detector reports once the outline and the
large structures of the view are removed: lines of text at every scale that is searched, and, in a small
image, text as large as the view itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.detection.text.plain_ground import (
    Cells,
    PlainGround,
    grid_size,
    is_sector,
)
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import Frame

Detect: TypeAlias = Callable[[Image], FrameDetections]
"""Detection in an image of a frame; the boxes are in pixels of the frame."""

MIN_LARGE_SHARE = 0.15
"""Thickness of text, as a share of the frame's shorter side, from which on it may be a view."""
MIN_LARGE_SCORE = 0.8
"""Lowest score of text as large in a flattened image: letters have 0.84 and more, tissue 0.76 at most."""
LARGE_TEXT_PX = 320
"""Longer side in pixels of the image in which text as large as a view is searched for."""
MIN_SHARE_INSIDE = 0.9
"""Share of a detection in views and plain ground from which on it is judged in the flattened image."""
MIN_SECTOR_SHARE = 0.8
"""Share of a sector inside a detection from which on that is the sector, and no text in it."""

SAME_LINE_IOU = 0.7
"""Overlap from which on two searches have found the same line: a second track of it would be covered in each
frame between two passes that have found it once."""


def without_views(
    by_size: Mapping[tuple[int, int], FrameDetections], frame: Frame, detect: Detect, stride: int
) -> dict[tuple[int, int], FrameDetections]:
    """Return text detections in which those of views are replaced by those of the text in them.

    Args:
        by_size: text detections in pixels of the frame, by width and height of the searched image.
        frame: the frame.
        detect: text detection in an image of the frame.
        stride: number of pixels that the sides of searched images must be multiples of.

    Raises:
        FrameAnalysisError: the frame was not decoded, or the detector failed on it.
    """
    if not any(_are_large(found.boxes, frame).any() for found in by_size.values()):
        return dict(by_size)
    ground = PlainGround.in_image(frame.rgb(*grid_size(*frame.display_size)))
    views = ground.views() if ground else []
    if ground is None or not views:
        return dict(by_size)
    view = np.logical_or.reduce(views)
    judged = {size: _are_of(found.boxes, view, ground.ground, frame) for size, found in by_size.items()}
    if not any(flags.any() for flags in judged.values()):
        return dict(by_size)

    sectors = [each for each in views if is_sector(each)]

    def text_at(size: tuple[int, int]) -> FrameDetections:
        flat = detect(ground.flattened(frame.rgb(*size), view))
        large = _are_large(flat.boxes, frame)
        sure = (flat.scores >= MIN_LARGE_SCORE) & ~_enclose(flat.boxes, sectors, frame)
        return _rows(flat, ~large | sure)

    result = {size: _joined(_rows(found, ~judged[size]), text_at(size)) for size, found in by_size.items()}
    small = DetectionScale(LARGE_TEXT_PX).scaled_size(frame.display_size, stride)
    of_large_text = text_at(small)
    letters = _rows(of_large_text, _are_large(of_large_text.boxes, frame))
    first = max(result)
    return {**result, first: _joined(result[first], letters)}


def _are_large(boxes: Boxes, frame: Frame) -> NDArray[np.bool_]:
    thickness = box_geometry.sides(boxes).min(axis=1, initial=np.inf)
    return np.asarray(thickness >= MIN_LARGE_SHARE * min(frame.width, frame.height))


def _are_of(boxes: Boxes, view: Cells, ground: Cells, frame: Frame) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) are large and show nothing but views and plain ground, as (n,) bool."""
    rows, columns = view.shape
    to_cells = np.array([columns / frame.width, rows / frame.height] * 2)
    cells = np.rint(box_geometry.clip(boxes, frame.width, frame.height) * to_cells).astype(int).tolist()
    either = view | ground
    shares = [either[y1:y2, x1:x2].mean() if x2 > x1 and y2 > y1 else 0.0 for x1, y1, x2, y2 in cells]
    return _are_large(boxes, frame) & (np.array(shares) >= MIN_SHARE_INSIDE)


def _enclose(boxes: Boxes, sectors: Sequence[Cells], frame: Frame) -> NDArray[np.bool_]:
    """Return which boxes (n, 4) enclose most of a sector, as (n,) bool.

    Its speckle stays in a flattened image, and is taken for one character as large as the sector.
    """
    enclose = np.zeros(len(boxes), np.bool_)
    for sector in sectors:
        rows, columns = sector.shape
        to_cells = np.array([columns / frame.width, rows / frame.height] * 2)
        clipped = box_geometry.clip(boxes, frame.width, frame.height) * to_cells
        inside = [sector[y1:y2, x1:x2].sum() for x1, y1, x2, y2 in np.rint(clipped).astype(int).tolist()]
        enclose |= np.array(inside, float) >= MIN_SECTOR_SHARE * sector.sum()
    return enclose


def _rows(found: FrameDetections, kept: NDArray[np.bool_]) -> FrameDetections:
    shaped = found.plate_shaped
    return replace(
        found,
        boxes=found.boxes[kept],
        scores=found.scores[kept],
        plate_shaped=None if shaped is None else shaped[kept],
    )


def _joined(first: FrameDetections, second: FrameDetections) -> FrameDetections:
    """Return the detections of two searches; what both have found is one detection that encloses both."""
    alike = box_geometry.iou(first.boxes, second.boxes) >= SAME_LINE_IOU
    boxes = first.boxes.copy()
    for row, other in np.argwhere(alike).tolist():
        boxes[row] = box_geometry.enclose(boxes[row], second.boxes[other])
    first, second = replace(first, boxes=boxes), _rows(second, np.asarray(~alike.any(axis=0)))
    shaped = [each.plate_shaped for each in (first, second) if each.plate_shaped is not None]
    return replace(
        first,
        boxes=np.concatenate([first.boxes, second.boxes]),
        scores=np.concatenate([first.scores, second.scores]),
        plate_shaped=np.concatenate(shaped) if shaped else None,
    )
