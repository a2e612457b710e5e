"""Template matching: locate a small region of one frame in another frame.

Templates are compared by normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995),
which is independent of brightness and contrast: 1 for the same content, about 0 for unrelated content.
Templates are scaled down until a line of text is a few pixels high, so that cost and accuracy of a
comparison depend on the size of the text and not on that of the frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from framecloak.domain.anonymization.model.analysis import Template
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.ports.frames import Frame

MAX_FRAME_SIDE_PX = 960
"""Longer side in pixels of the scaled frame; frames are never enlarged to it."""

MAX_TEMPLATE_SIDE_PX = 20
"""Largest shorter side of a template in pixels; larger templates are halved until they fit."""

MIN_TEMPLATE_SIDE_PX = 4
"""Side in pixels below which a template is too small to be matched."""

CORE_INSET = 0.15
"""Share of its shorter side by which a box is shrunk before matching: its padding shows the background."""

MIN_CORRELATION_UNCHANGED = 0.9
"""Correlation from which on a template counts as unmoved or as moved exactly as expected."""

MIN_CORRELATION_NEAR, MIN_CORRELATION_FAR = 0.5, 0.7
"""Smallest correlation of a match near the expected position, and of one further away.

Text over a moving background has a different background in each frame, which lowers the correlation.
Unrelated text nearby correlates even less.
"""

NEAR_DISTANCE = 0.35
"""Distance from the expected position that counts as near, in units of the template's shorter side."""

SEARCH_RADIUS = 1.5
"""Search radius around the expected position, in units of the template's shorter side."""

MIN_SEARCH_RADIUS = 0.025
"""Lower bound of the search radius, as a share of the scaled frame's longer side.

Camera shake moves a small line of text as far as a large one.
"""

CORRELATION_TOLERANCE = 0.05
"""Positions whose correlation is this close to the best one are included in the match."""

_MIN_CONTRAST = 1.0
"""Standard deviation, in grey levels, below which an image region has no usable contrast."""

MAX_DIRECT_PRODUCTS = 50_000
"""Number of products up to which they are calculated directly, which is faster than by Fourier transforms."""

_FFT_SIZE_MULTIPLE = 16
"""Input sizes are padded to a multiple of this: Fourier transforms are slow for prime sizes."""


class TemplateMatcher:
    """Matcher that cuts templates from a frame and locates those of other frames in it.

    Args:
        frame: frame whose pixels are read once.

    Raises:
        FrameAnalysisError: the frame was not decoded.
    """

    def __init__(self, frame: Frame) -> None:
        shrink = min(1.0, MAX_FRAME_SIDE_PX / max(frame.width, frame.height))
        width, height = (max(2, round(side * shrink / 2) * 2) for side in (frame.width, frame.height))
        self._pixels = frame.rgb(width, height)
        self._zoom = np.array([frame.width / width, frame.height / height])

    def templates(self, boxes: Boxes) -> tuple[Template, ...]:
        """Return the templates of boxes (n, 4), in pixels of the frame."""
        return tuple(self._template(box) for box in boxes)

    def match(self, template: Template, expected: NDArray[np.float64]) -> Boxes | None:
        """Locate a template of another frame in this one.

        Args:
            template: template to locate.
            expected: (2,) predicted displacement in pixels of the frame; the unmoved position is tried as
                well.

        Returns:
            (4,) pixels of the frame: the box, enlarged to every position that matches about as well; None if
            there is no match.
        """
        height, width = template.levels.shape
        if not template.levels.size or template.size != self._pixels.shape[:2]:
            return None
        step = self._zoom * template.shrink
        guess = np.round(expected / step).astype(int)
        for x, y in {(0, 0), (int(guess[0]), int(guess[1]))}:
            region = self._grey_levels(template.x + x, template.y + y, width, height, template.shrink)
            if (
                region.shape == template.levels.shape
                and correlation(template.levels, region)[0, 0] >= MIN_CORRELATION_UNCHANGED
            ):
                return box_geometry.shift(template.box, step * (x, y))
        moved = self._search(template, np.minimum(guess, 0), np.maximum(guess, 0))
        if moved is None:
            return None
        return box_geometry.enclose(
            box_geometry.shift(template.box, step * moved[:2]),
            box_geometry.shift(template.box, step * moved[2:]),
        )

    def _search(
        self, template: Template, low: NDArray[np.intp], high: NDArray[np.intp]
    ) -> NDArray[np.intp] | None:
        """Search for a template around its expected positions.

        Args:
            template: template to locate.
            low: (2,) smallest expected displacement in pixels of the downscaled frame.
            high: (2,) largest expected displacement in pixels of the downscaled frame.

        Returns:
            (4,) ``x1, y1, x2, y2``: smallest and largest displacement of the matching positions, in pixels of
            the downscaled frame; None if there is no match.
        """
        height, width = template.levels.shape
        shorter = min(height, width)
        longer_side = max(self._pixels.shape) / template.shrink
        radius = math.ceil(max(SEARCH_RADIUS * shorter, MIN_SEARCH_RADIUS * longer_side))
        left, top = np.maximum(low - radius, (-template.x, -template.y)).tolist()
        right, bottom = (high + radius).tolist()
        window = self._grey_levels(
            template.x + left, template.y + top, width + right - left, height + bottom - top, template.shrink
        )
        if window.shape[0] < height or window.shape[1] < width:
            return None
        correlations = correlation(template.levels, window)
        best = correlations.max()
        rows, columns = np.nonzero(correlations >= best - CORRELATION_TOLERANCE)
        first = np.array([left + columns.min(), top + rows.min()])
        last = np.array([left + columns.max(), top + rows.max()])
        beyond = max((low - first).max(), (last - high).max())
        if best < (MIN_CORRELATION_NEAR if beyond <= NEAR_DISTANCE * shorter else MIN_CORRELATION_FAR):
            return None
        return np.concatenate([first, last])

    def _template(self, box: Boxes) -> Template:
        """Return the template of a box, without grey levels if it is too small or has too little contrast."""
        core = box_geometry.pad(box, -CORE_INSET * float(box_geometry.sides(box).min())) / np.tile(
            self._zoom, 2
        )
        shrink = 1
        while box_geometry.sides(core).min() > MAX_TEMPLATE_SIDE_PX * shrink:
            shrink *= 2
        x, y, right, bottom = np.maximum(np.round(core / shrink), 0).astype(int).tolist()
        levels = self._grey_levels(x, y, right - x, bottom - y, shrink)
        usable = levels.size and min(levels.shape) >= MIN_TEMPLATE_SIDE_PX and levels.std() >= _MIN_CONTRAST
        return Template(box, levels if usable else levels[:0, :0], x, y, shrink, self._pixels.shape[:2])

    def _grey_levels(self, x: int, y: int, width: int, height: int, shrink: int) -> FloatArray:
        """Return the grey levels (h, w) of a region of the downscaled frame, cut at its borders."""
        rows, columns = self._pixels.shape[0] // shrink, self._pixels.shape[1] // shrink
        top, bottom = max(0, y), min(rows, y + height)
        left, right = max(0, x), min(columns, x + width)
        if top >= bottom or left >= right:
            return np.empty((0, 0), np.float32)
        area = self._pixels[top * shrink : bottom * shrink, left * shrink : right * shrink]
        cells = area.reshape(area.shape[0], right - left, shrink * 3).astype(np.float32)
        # A matrix product with ones is ten times faster than a mean over three axes.
        summed = cells @ np.full(shrink * 3, 1 / (3 * shrink * shrink), np.float32)
        levels: FloatArray = summed.reshape(bottom - top, shrink, right - left).sum(axis=1)
        return levels


def correlation(template: FloatArray, window: FloatArray) -> FloatArray:
    """Return the normalised cross-correlation of a template with each position in a window.

    Args:
        template: (h, w) grey levels that are not all the same.
        window: (H, W) grey levels, at least as large.

    Returns:
        (H - h + 1, W - w + 1) correlations in -1..1, by upper left corner; near 0 where the window is flat.
    """
    height, width = template.shape
    template_deviation = template - template.mean()
    template_norm = np.sqrt(np.square(template_deviation).sum())
    min_energy = template.size * _MIN_CONTRAST**2
    if template.shape == window.shape:
        window_deviation = window - window.mean()
        window_norm = np.sqrt(max(np.square(window_deviation).sum(), min_energy))
        return np.asarray(
            (template_deviation * window_deviation).sum(keepdims=True) / (template_norm * window_norm)
        )
    window_deviation = window - window.mean()
    rows, columns = window.shape[0] - height + 1, window.shape[1] - width + 1
    if rows * columns * template.size <= MAX_DIRECT_PRODUCTS:
        regions = sliding_window_view(window_deviation, template.shape).reshape(rows * columns, -1)
        products = regions @ template_deviation.ravel()
        energy = np.square(regions).sum(axis=1) - np.square(regions.sum(axis=1)) / template.size
        norms = template_norm * np.sqrt(np.maximum(energy, min_energy))
        return np.asarray((products / norms).reshape(rows, columns), np.float32)
    size = [-(-side // _FFT_SIZE_MULTIPLE) * _FFT_SIZE_MULTIPLE for side in window.shape]
    spectrum = np.fft.rfft2(window_deviation, size) * np.conj(np.fft.rfft2(template_deviation, size))
    products = np.fft.irfft2(spectrum, size)[:rows, :columns]
    sums, squares = (
        _window_sums(levels, height, width) for levels in (window_deviation, np.square(window_deviation))
    )
    window_norm = np.sqrt(np.maximum(squares - np.square(sums) / template.size, min_energy))
    return np.asarray(products / (template_norm * window_norm), np.float32)


def _window_sums(levels: FloatArray, height: int, width: int) -> NDArray[np.float64]:
    """Return the sum over every region of the given size, by its upper left corner."""
    table = np.zeros((levels.shape[0] + 1, levels.shape[1] + 1))
    table[1:, 1:] = levels.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return np.asarray(
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
