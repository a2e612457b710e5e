"""Find a small piece of one frame again in another: where did what is written here go?

A piece is compared by normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995), which
does not mind how light it is or how strong its contrast: 1 where it is the same, about 0 where it is not.
Pieces are shrunk until a line of text is a few pixels high, so that what a comparison costs, and how exact it
is, depends on the size of the text and not on that of the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging import boxes as bx
from framecloak.domain.imaging.boxes import Boxes
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.ports import Frame

LONGEST_SIDE = 960
"""Pixels of a picture's longer side; frames are never enlarged to it."""

HIGHEST = 20
"""Most pixels of a piece's shorter side when it is compared; it is halved until it has no more."""

SMALLEST = 4
"""Pixels of a side below which a piece shows nothing."""

CORE = 0.15
"""Share of its shorter side by which a box is cut before it is compared: padding shows what is behind."""

THE_SAME = 0.9
"""Correlation from which on a piece need not be looked for anywhere else."""

SEEN_NEAR, SEEN_FAR = 0.5, 0.7
"""Correlation from which on a piece was seen again where it was expected, and elsewhere.

What stands over a picture that moves differs in what is behind it; what only lies near differs more.
"""

NEAR = 0.35
"""How far from where it is expected is near, in shorter sides."""

FAR = 1.5
"""How far from there a piece is looked for, likewise."""

FAR_IN_PICTURE = 0.025
"""At least that far, in longer sides of the picture: a camera shakes a small line as far as a large one."""

AS_GOOD = 0.05
"""Places whose correlation is this close to that of the best one are taken for the place too."""

_FLAT = 1.0
"""Standard deviation, in grey levels, below which a piece shows nothing."""

_EASY = 16
"""What is transformed is filled up to a multiple of this: Fourier transforms are slow on primes."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """What lies in a box, to find it again.

    Attributes:
        box: (4,) pixels of the frame.
        levels: (h, w) grey levels; empty where nothing can be told from them.
        x, y: upper left corner, in pixels of the shrunken picture.
        shrink: pixels of the picture per pixel of the shrunken one.
        size: (height, width) of the picture that it was cut from.
    """

    box: Boxes
    levels: FloatArray
    x: int
    y: int
    shrink: int
    size: tuple[int, int]


class Picture:
    """A frame to cut pieces from, and to find them in.

    Args:
        frame: its pixels are asked for once.

    Raises:
        ExaminationError: the frame was not decoded.
    """

    def __init__(self, frame: Frame) -> None:
        shrink = min(1.0, LONGEST_SIDE / max(frame.width, frame.height))
        width, height = (max(2, round(side * shrink / 2) * 2) for side in (frame.width, frame.height))
        self._pixels = frame.rgb(width, height)
        self._zoom = np.array([frame.width / width, frame.height / height])

    def patches(self, boxes: Boxes) -> tuple[Patch, ...]:
        """What lies in boxes (n, 4), in pixels of the frame."""
        return tuple(self._patch(box) for box in boxes)

    def sighting(self, patch: Patch, expected: NDArray[np.float64]) -> Boxes | None:
        """Where a piece of another frame is in this one.

        Args:
            patch: the piece.
            expected: (2,) pixels of the frame, by which it is thought to have moved; or not to have.

        Returns:
            (4,) pixels of the frame: its box, enlarged to every place that may be its own; None where it
            cannot be seen.
        """
        height, width = patch.levels.shape
        if not patch.levels.size or patch.size != self._pixels.shape[:2]:
            return None
        step = self._zoom * patch.shrink
        guess = np.round(expected / step).astype(int)
        for x, y in {(0, 0), (int(guess[0]), int(guess[1]))}:
            there = self._levels(patch.x + x, patch.y + y, width, height, patch.shrink)
            if there.shape == patch.levels.shape and correlation(patch.levels, there)[0, 0] >= THE_SAME:
                return bx.shift(patch.box, step * (x, y))
        moved = self._searched(patch, np.minimum(guess, 0), np.maximum(guess, 0))
        if moved is None:
            return None
        return bx.enclose(bx.shift(patch.box, step * moved[:2]), bx.shift(patch.box, step * moved[2:]))

    def _searched(
        self, patch: Patch, low: NDArray[np.intp], high: NDArray[np.intp]
    ) -> NDArray[np.intp] | None:
        """How far a piece has moved, in pixels of the shrunken picture.

        Args:
            patch: the piece.
            low: (2,) how far it is thought to have moved at least.
            high: (2,) the same at most.

        Returns:
            (4,) ``x1, y1, x2, y2``: from the least to the most that it may be; None where it is not seen.
        """
        height, width = patch.levels.shape
        shorter = min(height, width)
        longest = max(self._pixels.shape) / patch.shrink
        far = math.ceil(max(FAR * shorter, FAR_IN_PICTURE * longest))
        left, top = np.maximum(low - far, (-patch.x, -patch.y)).tolist()
        right, bottom = (high + far).tolist()
        window = self._levels(
            patch.x + left, patch.y + top, width + right - left, height + bottom - top, patch.shrink
        )
        if window.shape[0] < height or window.shape[1] < width:
            return None
        likeness = correlation(patch.levels, window)
        best = likeness.max()
        rows, columns = np.nonzero(likeness >= best - AS_GOOD)
        first = np.array([left + columns.min(), top + rows.min()])
        last = np.array([left + columns.max(), top + rows.max()])
        beyond = max((low - first).max(), (last - high).max())
        if best < (SEEN_NEAR if beyond <= NEAR * shorter else SEEN_FAR):
            return None
        return np.concatenate([first, last])

    def _patch(self, box: Boxes) -> Patch:
        core = bx.pad(box, -CORE * float(bx.sides(box).min())) / np.tile(self._zoom, 2)
        shrink = 1
        while bx.sides(core).min() > HIGHEST * shrink:
            shrink *= 2
        x, y, right, bottom = np.maximum(np.round(core / shrink), 0).astype(int).tolist()
        levels = self._levels(x, y, right - x, bottom - y, shrink)
        tells = levels.size and min(levels.shape) >= SMALLEST and levels.std() >= _FLAT
        return Patch(box, levels if tells else levels[:0, :0], x, y, shrink, self._pixels.shape[:2])

    def _levels(self, x: int, y: int, width: int, height: int, shrink: int) -> FloatArray:
        """Grey levels of an area of the shrunken picture, as far as it lies inside, (h, w)."""
        rows, columns = self._pixels.shape[0] // shrink, self._pixels.shape[1] // shrink
        top, bottom = max(0, y), min(rows, y + height)
        left, right = max(0, x), min(columns, x + width)
        if top >= bottom or left >= right:
            return np.empty((0, 0), np.float32)
        area = self._pixels[top * shrink : bottom * shrink, left * shrink : right * shrink]
        cells = area.reshape(area.shape[0], right - left, shrink * 3).astype(np.float32)
        # A product with ones is ten times faster than a mean over three axes.
        summed = cells @ np.full(shrink * 3, 1 / (3 * shrink * shrink), np.float32)
        levels: FloatArray = summed.reshape(bottom - top, shrink, right - left).sum(axis=1)
        return levels


def correlation(patch: FloatArray, window: FloatArray) -> FloatArray:
    """How much a patch is like each part of a window that it fits on.

    Args:
        patch: (h, w) levels that are not all the same.
        window: (H, W) levels, at least as large.

    Returns:
        (H - h + 1, W - w + 1) normalised cross-correlation in -1..1, by upper left corner; near 0 where the
        window is flat.
    """
    height, width = patch.shape
    zeroed = patch - patch.mean()
    wanted = np.sqrt(np.square(zeroed).sum())
    least = patch.size * _FLAT**2
    if patch.shape == window.shape:
        other = window - window.mean()
        spread = np.sqrt(max(np.square(other).sum(), least))
        return np.asarray((zeroed * other).sum(keepdims=True) / (wanted * spread))
    other = window - window.mean()
    size = [-(-side // _EASY) * _EASY for side in window.shape]
    product = np.fft.rfft2(other, size) * np.conj(np.fft.rfft2(zeroed, size))
    rows, columns = window.shape[0] - height + 1, window.shape[1] - width + 1
    alike = np.fft.irfft2(product, size)[:rows, :columns]
    sums, squares = (_sums(levels, height, width) for levels in (other, np.square(other)))
    spread = np.sqrt(np.maximum(squares - np.square(sums) / patch.size, least))
    return np.asarray(alike / (wanted * spread), np.float32)


def _sums(levels: FloatArray, height: int, width: int) -> NDArray[np.float64]:
    """Of every area of that size, by its upper left corner."""
    table = np.zeros((levels.shape[0] + 1, levels.shape[1] + 1))
    table[1:, 1:] = levels.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return np.asarray(
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
