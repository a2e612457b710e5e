"""Proposals of regions for overlays that a device burns into its video: static areas in a moving image.

Endoscopes and ultrasound machines burn names, times and logos into fixed positions around or over an image
that keeps moving. A pixel belongs to an overlay if it hardly changes over the samples although it is next to
an edge. The edge is required because a plain black border contains nothing to redact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Region

MAX_SAMPLES = 24
"""Maximum number of frames sampled, spread evenly over the video."""

MIN_SAMPLES = 3
"""Minimum number of frames from which overlays are proposed."""

MAX_STILL_DEVIATION = 6.0
"""Maximum standard deviation over time, in grey levels, of a static pixel; coding noise causes a few."""

MIN_EDGE_STEP = 24.0
"""Minimum step between neighbouring pixels, in grey levels, at a drawn edge."""

BORDER_PX = 3
"""Width in pixels of the margin around moving pixels that is ignored: the border of the moving image."""

MIN_MOTION_SHARE = 0.02
"""Minimum share of moving pixels; with fewer, overlays cannot be distinguished from a static scene."""

CELL_PX = 16
"""Side in pixels of the squares in which drawn pixels are counted."""

MIN_DRAWN_SHARE = 0.04
"""Minimum share of a square's pixels that are drawn and static."""

MIN_TEXT_IOU = 0.5
"""Minimum overlap (IoU) of a text in two samples to count as the same text."""

MAX_TEXT_SHARE = 0.2
"""Maximum share of the frame's area that a text may cover."""

MIN_TEXT_PERSISTENCE = 0.8
"""Minimum share of the samples that must contain a text at the same position."""


NO_TEXT_FACTOR = 0.75
"""Factor on the confidence in an area without text."""


@dataclass(frozen=True, slots=True)
class OverlayProposal:
    """A static area proposed as a region.

    Attributes:
        region: area in whole pixels of the frame.
        has_text: True if text was detected in the area.
        stillness: share of the area's drawn pixels that are static, in 0..1.
    """

    region: Region
    has_text: bool
    stillness: float

    @property
    def reason(self) -> Literal["text", "drawing"]:
        """Reason for the proposal: detected text, or static lines only, such as a logo."""
        return "text" if self.has_text else "drawing"

    @property
    def label(self) -> str:
        """Label of the region once it is accepted."""
        return f"{self.reason} overlay"

    @property
    def confidence(self) -> float:
        """Confidence that this is an overlay, in 0..1; lines alone may belong to the scene."""
        return self.stillness if self.has_text else round(self.stillness * NO_TEXT_FACTOR, 3)


def sample_indexes(frame_count: int, max_samples: int = MAX_SAMPLES) -> list[int]:
    """Return the indices of the frames to sample, evenly spread and without duplicates."""
    return sorted({int(index) for index in np.linspace(0, frame_count - 1, min(max_samples, frame_count))})


def propose_overlays(images: Sequence[Image], texts: Sequence[Boxes]) -> list[OverlayProposal]:
    """Return the areas that are static while the rest of the image moves.

    Args:
        images: samples of one video, (h, w, 3) uint8.
        texts: boxes of detected text in each sample, (n, 4) pixels.

    Returns:
        Proposals from top to bottom; none if too little moves, or with fewer than three samples.
    """
    if len(images) < MIN_SAMPLES:
        return []
    grey = np.stack([image.mean(axis=2, dtype=np.float32) for image in images])
    spread = grey.std(axis=0)
    if (spread > MAX_STILL_DEVIATION).mean() < MIN_MOTION_SHARE:
        return []
    drawn = _edge_steps(np.asarray(np.median(grey, axis=0), np.float32)) >= MIN_EDGE_STEP
    still = ~_dilated(spread > MAX_STILL_DEVIATION)
    height, width = still.shape
    staying = _persistent_texts(texts)
    # Some text detectors take a round image in a black frame for a letter.
    staying = staying[box_geometry.area(staying) <= MAX_TEXT_SHARE * width * height]
    proposals = []
    for box in _merge_nearby([*_drawn_cells(drawn & still), *staying.tolist()]):
        x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
        x2, y2 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
        lines = drawn[y1:y2, x1:x2]
        stillness = float(still[y1:y2, x1:x2][lines].mean()) if lines.any() else 0.0
        inside = box_geometry.iou(np.array([[x1, y1, x2, y2]], np.float64), staying) > 0
        proposals.append(
            OverlayProposal(Region(x1, y1, x2 - x1, y2 - y1), bool(inside.any()), round(stillness, 3))
        )
    return sorted(proposals, key=lambda proposal: (proposal.region.y, proposal.region.x))


def _edge_steps(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the larger step of each pixel to its right and lower neighbour, (h, w)."""
    steps = np.zeros_like(grey)
    steps[:, :-1] = np.abs(np.diff(grey, axis=1))
    steps[:-1] = np.maximum(steps[:-1], np.abs(np.diff(grey, axis=0)))
    return steps


def _dilated(moving: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Dilate the mask of moving pixels, because the border of the moving image is no overlay."""
    padded = np.pad(moving, BORDER_PX)
    span = 2 * BORDER_PX + 1
    across = np.any([padded[:, i : i + moving.shape[1]] for i in range(span)], axis=0)
    return np.asarray(np.any([across[i : i + moving.shape[0]] for i in range(span)], axis=0))


def _persistent_texts(texts: Sequence[Boxes]) -> Boxes:
    """Return texts of the first and the middle sample that most samples have at the same position."""
    candidates = np.concatenate([texts[0], texts[len(texts) // 2]])
    present = [
        box_geometry.iou(candidates, boxes).max(axis=1, initial=0.0) >= MIN_TEXT_IOU for boxes in texts
    ]
    return np.asarray(candidates[np.mean(present, axis=0) >= MIN_TEXT_PERSISTENCE])


def _drawn_cells(drawn: NDArray[np.bool_]) -> list[list[float]]:
    """Return the squares with enough drawn pixels as boxes."""
    rows, columns = drawn.shape[0] // CELL_PX, drawn.shape[1] // CELL_PX
    cells = (
        drawn[: rows * CELL_PX, : columns * CELL_PX]
        .reshape(rows, CELL_PX, columns, CELL_PX)
        .mean(axis=(1, 3))
    )
    return [
        [column * CELL_PX, row * CELL_PX, (column + 1) * CELL_PX, (row + 1) * CELL_PX]
        for row, column in np.argwhere(cells >= MIN_DRAWN_SHARE).tolist()
    ]


def _merge_nearby(boxes: Sequence[Sequence[float]]) -> list[list[float]]:
    """Merge boxes that touch or are at most one square apart, and return the bounding boxes."""
    remaining = [list(area) for area in boxes]
    groups = []
    while remaining:
        group = remaining.pop()
        grew = True
        while grew:
            near = [box for box in remaining if _are_near(group, box)]
            grew = bool(near)
            remaining = [box for box in remaining if box not in near]
            for box in near:
                group = [*map(min, group[:2], box[:2]), *map(max, group[2:], box[2:])]
        groups.append(group)
    return groups


def _are_near(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(
        first[axis] - CELL_PX <= second[axis + 2] and second[axis] - CELL_PX <= first[axis + 2]
        for axis in (0, 1)
    )
