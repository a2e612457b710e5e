"""Plain ground of a device's screen, and the views on it: round, octagonal or square images of a camera.

Everything is measured on a coarse grid of cells. The ground is what is connected to the edge of the frame and
has its colour; a view is a large convex area within it that is no letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import Image

Cells: TypeAlias = NDArray[np.bool_]
"""Selection of the cells of a grid, (rows, columns)."""

GRID_CELLS = 160
"""Number of cells along the longer side of a frame."""

_GROUND_TOLERANCE = 10.0
"""Largest difference to the level of the ground, in grey levels, of its cells."""
_RIM_TOLERANCE = 20.0
"""The same for its pixels beside a view."""
_MIN_GROUND_SHARE = 0.1
_MIN_VIEW_SHARE = 0.05
"""Smallest share of the frame's cells in the ground and in a view."""
_MIN_THICKNESS = 8
"""Smallest thickness of a view in cells; lines of text are thinner."""
_MIN_FILLED_SHARE = 0.6
"""Smallest share of its bounding box that a view fills."""
_MIN_SECTOR_SHARE = 0.5
_MIN_CONVEX_SHARE = 0.92
"""The same for a sector of an ultrasound device, and the share of its convex hull that it fills: letters that
fill as little of their bounding box are hardly convex."""
_MAX_CONCAVE_SHARE = 0.1
"""Largest area outside a view between two of its cells in one row and one column, as a share of its own."""
_MAX_ASPECT_RATIO = 3.0
_INK_TOLERANCE = 6.0
_MIN_INK_SHARE = 0.5
_MIN_HOLE_SHARE = 0.03
"""Shares of a letter's cells that have one level, and that have the level of the ground (a hole)."""
_SMOOTHINGS = 3
"""Number of times that cells are averaged with their neighbours: structures of six cells and more vanish."""
_MIDDLE = 110.0
"""Grey level that stands for the surroundings of a pixel in a flattened image."""
_RIM_PX_PER_SIDE = 320
"""Longer side of an image in pixels for each pixel by which its rim is widened."""


@dataclass(frozen=True, slots=True)
class PlainGround:
    """Ground of a screen.

    Attributes:
        cells: (rows, columns, 3) mean colours of the cells.
        level: grey level of the ground.
        ground: (rows, columns) cells of the ground.
    """

    cells: NDArray[np.float32]
    level: float
    ground: Cells

    @classmethod
    def in_image(cls, cells: Image) -> PlainGround | None:
        """Find the ground of a frame; None if less than a tenth of the frame is ground.

        Args:
            cells: frame scaled to the size of the grid, (rows, columns, 3) uint8.
        """
        colours = cells.astype(np.float32)
        levels = colours.mean(axis=2)
        edge = np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
        level = float(np.median(edge))
        alike = np.abs(levels - level) <= _GROUND_TOLERANCE
        seeds = np.zeros_like(alike)
        seeds[[0, -1]], seeds[:, [0, -1]] = alike[[0, -1]], alike[:, [0, -1]]
        ground = _connected(seeds, alike)
        return cls(colours, level, ground) if ground.mean() >= _MIN_GROUND_SHARE else None

    def views(self) -> list[Cells]:
        """Return the cells of each view."""
        inner = ~_grown(self.ground)
        remaining = ~self.ground
        for _ in range(_MIN_THICKNESS // 2):
            remaining = ~_grown(~remaining)
        views: list[Cells] = []
        while remaining.any():
            seed = np.zeros_like(inner)
            seed.flat[int(remaining.argmax())] = True
            core = _connected(seed, inner)
            remaining &= ~core
            if _is_view_shaped(core) and not self._is_letter(core):
                views.append(_grown(core) & ~self.ground)
        return views

    def flattened(self, image: Image, view: Cells) -> Image:
        """Return an image of the frame without the outlines of its views and their large structures.

        Each pixel of a view is compared with the mean of its surroundings in the view, each other one with
        the ground, so that text stays and the shape of the view does not.

        Args:
            image: frame at any size, (h, w, 3) uint8 RGB.
            view: cells of all views.
        """
        height, width = image.shape[:2]
        surroundings = self._surroundings(view & ~_grown(self.ground))
        inside = _enlarged(view, width, height)
        around = np.where(inside[..., None], _interpolated(surroundings, width, height), self.level)
        flat = image - around + _MIDDLE
        # The mixed pixels of the rim would leave a thin line, which is taken for a letter as well.
        rim = _enlarged(_grown(_grown(self.ground)), width, height) & (
            np.abs(image.mean(axis=2) - self.level) <= _RIM_TOLERANCE
        )
        for _ in range(2 + max(width, height) // _RIM_PX_PER_SIDE):
            rim = _grown(rim)
        flat[rim & inside & _enlarged(_grown(_grown(_grown(self.ground))), width, height)] = _MIDDLE
        result: Image = np.clip(flat, 0, 255).astype(np.uint8)
        return result

    def _is_letter(self, core: Cells) -> bool:
        levels = self.cells.mean(axis=2)[core]
        ink = np.abs(levels - np.median(levels)) <= _INK_TOLERANCE
        hole = np.abs(levels - self.level) <= _RIM_TOLERANCE
        return bool(ink.mean() >= _MIN_INK_SHARE and hole.mean() >= _MIN_HOLE_SHARE)

    def _surroundings(self, known: Cells) -> NDArray[np.float32]:
        """Return the mean colours (rows, columns, 3) around each cell, of known cells only."""
        weights = known.astype(np.float32)[..., None]
        colours = self.cells * weights
        for _ in range(_SMOOTHINGS):
            total = _sum_around(weights)
            colours = _sum_around(colours * weights) / np.maximum(total, 1)
            weights = (total > 0).astype(np.float32)
        means: NDArray[np.float32] = np.where(weights > 0, colours, np.float32(self.level))
        return means


def grid_size(width: int, height: int) -> tuple[int, int]:
    """Return the columns and rows of the grid of a frame, given its display size in pixels."""
    scale = GRID_CELLS / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def is_sector(view: Cells) -> bool:
    """Return whether a view is the sector of an ultrasound device, which fills less of its bounding box."""
    rows, columns = np.flatnonzero(view.any(axis=1)), np.flatnonzero(view.any(axis=0))
    return bool(view.sum() < _MIN_FILLED_SHARE * (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))


def _is_view_shaped(core: Cells) -> bool:
    if core.mean() < _MIN_VIEW_SHARE:
        return False
    rows, columns = np.flatnonzero(core.any(axis=1)), np.flatnonzero(core.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    between = _between(core) & _between(core.T).T
    return bool(
        max(width / height, height / width) <= _MAX_ASPECT_RATIO
        and (
            core.sum() >= _MIN_FILLED_SHARE * height * width
            or (
                core.sum() >= _MIN_SECTOR_SHARE * height * width
                and core.sum() >= _MIN_CONVEX_SHARE * _hull_area(core)
            )
        )
        and (between & ~core).sum() <= _MAX_CONCAVE_SHARE * core.sum()
    )


def _hull_area(cells: Cells) -> float:
    """Return the area, in cells, of the convex hull of selected cells."""
    rows = np.flatnonzero(cells.any(axis=1))
    first = cells[rows].argmax(axis=1)
    last = cells.shape[1] - cells[rows, ::-1].argmax(axis=1)
    left = [
        (int(row) + half, int(column)) for row, column in zip(rows, first, strict=True) for half in (0, 1)
    ]
    right = [
        (int(row) + half, int(column)) for row, column in zip(rows, last, strict=True) for half in (0, 1)
    ]
    corners = np.array(_outer(left, 1) + _outer(right, -1)[::-1], float)
    y, x = corners.T
    return float(abs(np.dot(y, np.roll(x, -1)) - np.dot(x, np.roll(y, -1)))) / 2


def _outer(edge: list[tuple[int, int]], side: int) -> list[tuple[int, int]]:
    """Return the corners (row, column) of one edge, from top to bottom, that the convex hull has as well."""
    hull: list[tuple[int, int]] = []
    for row, column in edge:
        while len(hull) > 1:
            (y1, x1), (y2, x2) = hull[-2:]
            if side * ((y2 - y1) * (column - x1) - (x2 - x1) * (row - y1)) > 0:
                break
            hull.pop()
        hull.append((row, column))
    return hull


def _between(cells: Cells) -> Cells:
    """Return the cells that lie between two selected ones of their row, and those."""
    after = np.maximum.accumulate(cells, axis=1)
    before = np.maximum.accumulate(cells[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(after & before, np.bool_)


def _grown(cells: Cells) -> Cells:
    """Return selected cells and their four neighbours."""
    grown = cells.copy()
    grown[1:] |= cells[:-1]
    grown[:-1] |= cells[1:]
    grown[:, 1:] |= cells[:, :-1]
    grown[:, :-1] |= cells[:, 1:]
    return grown


def _connected(seeds: Cells, within: Cells) -> Cells:
    """Return the cells that are connected to seeds within a selection."""
    reached = seeds
    while True:
        grown = _grown(reached) & within
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def _sum_around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of the nine values around each cell, of (rows, columns, channels)."""
    rows, columns = values.shape[:2]
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    lines = padded[:rows] + padded[1 : rows + 1] + padded[2:]
    sums: NDArray[np.float32] = lines[:, :columns] + lines[:, 1 : columns + 1] + lines[:, 2:]
    return sums


def _enlarged(cells: Cells, width: int, height: int) -> Cells:
    """Return a selection of cells as one of pixels (height, width)."""
    rows, columns = cells.shape
    pixels: Cells = cells[np.arange(height) * rows // height][:, np.arange(width) * columns // width]
    return pixels


def _interpolated(cells: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Enlarge cells (rows, columns, channels) to pixels (height, width, channels), bilinearly."""
    result = cells
    for axis, size in ((0, height), (1, width)):
        count = result.shape[axis]
        at = np.clip((np.arange(size, dtype=np.float32) + 0.5) * count / size - 0.5, 0, count - 1)
        low = at.astype(np.intp)
        share = (at - low).reshape([-1 if each == axis else 1 for each in range(3)])
        high = np.minimum(low + 1, count - 1)
        result = result.take(low, axis) * (1 - share) + result.take(high, axis) * share
    return result
