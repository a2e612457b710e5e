"""Propose regions for what a device writes over its picture: areas that never move while the picture does.

Endoscopes and ultrasound machines burn names, times and logos into a fixed frame around or over a picture
that never stands still. A pixel belongs to such an overlay when it hardly changes over the samples although
it has an edge beside it: a plain black border hides nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.videos.segments import Region

MOST_SAMPLES = 24
"""Frames that are looked at, spread over the video."""

STEADY = 6.0
"""Standard deviation over time, in grey levels, up to which a pixel stands still: coding makes a few."""

EDGE = 24.0
"""Step between neighbouring pixels, in grey levels, from which on something is drawn there."""

BORDER = 3
"""Pixels around what moves that tell nothing: they are the moving picture's border."""

LEAST_MOTION = 0.02
"""Share of pixels that must change, or nothing tells an overlay from a scene that stands still."""

CELL = 16
"""Pixels of the squares in which drawn pixels are gathered."""

DRAWN = 0.04
"""Share of a square's pixels that must be drawn and stand still."""

SAME_PLACE = 0.5
"""Overlap of a text in two samples from which on it is one that stays."""

LARGEST_TEXT = 0.2
"""Share of the picture up to which something is taken for text."""

STAYS = 0.8
"""Share of the samples that must show a text in its place."""


WITHOUT_TEXT = 0.75
"""What the confidence in an area is worth in which nothing is written."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An area that never moves.

    Attributes:
        region: in whole pixels of the frame.
        has_text: whether something is written in it.
        stillness: share of its drawn pixels that stand still, in 0..1.
    """

    region: Region
    has_text: bool
    stillness: float

    @property
    def reason(self) -> Literal["text", "drawing"]:
        """Why it is proposed: something is written in it, or only lines stand still, as of a logo."""
        return "text" if self.has_text else "drawing"

    @property
    def label(self) -> str:
        """What the region is called once it is accepted."""
        return f"{self.reason} overlay"

    @property
    def confidence(self) -> float:
        """How sure it is that this is an overlay, in 0..1: lines alone may be part of what was filmed."""
        return self.stillness if self.has_text else round(self.stillness * WITHOUT_TEXT, 3)


def sample_numbers(frame_count: int, most: int = MOST_SAMPLES) -> list[int]:
    """Numbers of the frames to look at, spread evenly, each once."""
    return sorted({int(place) for place in np.linspace(0, frame_count - 1, min(most, frame_count))})


def propose(pictures: Sequence[Image], texts: Sequence[Boxes]) -> list[Proposal]:
    """Find the areas that stand still while the picture moves.

    Args:
        pictures: samples of one video, (h, w, 3) uint8.
        texts: per sample, where text was found, (n, 4) pixels.

    Returns:
        Proposals from top to bottom; none where too little moves to tell, or with fewer than three samples.
    """
    if len(pictures) < 3:
        return []
    grey = np.stack([picture.mean(axis=2, dtype=np.float32) for picture in pictures])
    spread = grey.std(axis=0)
    if (spread > STEADY).mean() < LEAST_MOTION:
        return []
    drawn = _edges(np.asarray(np.median(grey, axis=0), np.float32)) >= EDGE
    still = ~_widened(spread > STEADY)
    height, width = still.shape
    staying = _staying(texts)
    # A round picture in a black frame looks like a letter to some detectors of text.
    staying = staying[bx.area(staying) <= LARGEST_TEXT * width * height]
    found = []
    for box in _joined([*_drawn_areas(drawn & still), *staying.tolist()]):
        x1, y1 = max(0, int(box[0])), max(0, int(box[1]))
        x2, y2 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
        lines = drawn[y1:y2, x1:x2]
        stillness = float(still[y1:y2, x1:x2][lines].mean()) if lines.any() else 0.0
        inside = bx.iou(np.array([[x1, y1, x2, y2]], np.float64), staying) > 0
        found.append(Proposal(Region(x1, y1, x2 - x1, y2 - y1), bool(inside.any()), round(stillness, 3)))
    return sorted(found, key=lambda one: (one.region.y, one.region.x))


def _edges(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """The larger step of each pixel to its right and lower neighbour, (h, w)."""
    steps = np.zeros_like(grey)
    steps[:, :-1] = np.abs(np.diff(grey, axis=1))
    steps[:-1] = np.maximum(steps[:-1], np.abs(np.diff(grey, axis=0)))
    return steps


def _widened(moving: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Moving pixels and those beside them: the border of the moving picture is no overlay."""
    padded = np.pad(moving, BORDER)
    span = 2 * BORDER + 1
    across = np.any([padded[:, i : i + moving.shape[1]] for i in range(span)], axis=0)
    return np.asarray(np.any([across[i : i + moving.shape[0]] for i in range(span)], axis=0))


def _staying(texts: Sequence[Boxes]) -> Boxes:
    """Texts of the first sample, and of the middle one, that most samples have in the same place."""
    candidates = np.concatenate([texts[0], texts[len(texts) // 2]])
    seen = [bx.iou(candidates, boxes).max(axis=1, initial=0.0) >= SAME_PLACE for boxes in texts]
    return np.asarray(candidates[np.mean(seen, axis=0) >= STAYS])


def _drawn_areas(drawn: NDArray[np.bool_]) -> list[list[float]]:
    """Squares in which something is drawn, as boxes."""
    rows, columns = drawn.shape[0] // CELL, drawn.shape[1] // CELL
    cells = drawn[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))
    return [
        [column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL]
        for row, column in np.argwhere(cells >= DRAWN).tolist()
    ]


def _joined(areas: Sequence[Sequence[float]]) -> list[list[float]]:
    """Boxes of the groups whose members touch, or are no more than a square apart."""
    left = [list(area) for area in areas]
    groups = []
    while left:
        group = left.pop()
        grew = True
        while grew:
            near = [box for box in left if _are_near(group, box)]
            grew = bool(near)
            left = [box for box in left if box not in near]
            for box in near:
                group = [*map(min, group[:2], box[:2]), *map(max, group[2:], box[2:])]
        groups.append(group)
    return groups


def _are_near(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(
        first[axis] - CELL <= second[axis + 2] and second[axis] - CELL <= first[axis + 2] for axis in (0, 1)
    )
