"""Crops of redacted frames whose replaced pixels are filled from their surroundings.

A detector reads black boxes as eyes, hair and shadows. Filled with the colours around them, the boxes vanish,
and only what is really visible is left to detect.

The fill is the pull-push interpolation of Gortler, Grzeszczuk, Szeliski and Cohen, "The Lumigraph"
(SIGGRAPH 1996): means of the visible pixels on ever coarser grids, read back from coarse to fine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import Image

MIN_VISIBLE_SHARE = 0.5
"""Share of a scaled pixel that must be visible for its colour to count."""


def scaled_crop(image: Image, visible: NDArray[np.bool_], size: tuple[int, int]) -> Image:
    """Return an image at another size, with the pixels that are not visible filled from those around them.

    Args:
        image: (height, width, 3) uint8.
        visible: (height, width) bool; False for pixels that were replaced.
        size: width and height of the result in pixels.

    Returns:
        (size[1], size[0], 3) uint8; grey where no pixel is visible.
    """
    columns, rows = (
        _weights(length, scaled) for length, scaled in zip(image.shape[1::-1], size, strict=True)
    )
    weights = rows @ visible @ columns.T
    masked = image * visible[..., None].astype(np.float32)
    sums = np.stack([rows @ masked[..., channel] @ columns.T for channel in range(3)], axis=2)
    known = weights >= MIN_VISIBLE_SHARE
    if not known.any():
        return np.full((size[1], size[0], 3), 127, np.uint8)
    filled = _pull_push(np.where(known[..., None], sums, 0), np.where(known, weights, 0))
    return np.asarray(filled.round().clip(0, 255).astype(np.uint8))


def _weights(length: int, scaled: int) -> NDArray[np.float32]:
    """Return the weights of the pixels of one axis in each scaled pixel, (scaled, length); rows sum to 1.

    Pixels are averaged over the area of the scaled pixel, and interpolated linearly when enlarged.
    """
    centres = (np.arange(scaled) + 0.5) * length / scaled
    reach = max(length / scaled, 1.0)
    distances = np.abs(np.arange(length) + 0.5 - np.clip(centres, 0.5, length - 0.5)[:, None])
    weights = np.maximum(1 - distances / reach, 0)
    normalised: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def _pull_push(sums: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colours of all pixels, (h, w, 3), from weighted sums of the known ones; any must be known.

    Args:
        sums: (h, w, 3) colours multiplied by their weights.
        weights: (h, w); 0 for unknown pixels.
    """
    known = weights > 0
    colours = sums / np.maximum(weights, 1e-6)[..., None]
    if known.all():
        return np.asarray(colours)
    height, width = weights.shape
    even = ((0, height % 2), (0, width % 2))
    coarse_sums, coarse_weights = _pair_sums(np.pad(sums, (*even, (0, 0)))), _pair_sums(np.pad(weights, even))
    coarse = _pull_push(coarse_sums, coarse_weights)
    columns, rows = (
        _weights(coarse.shape[1], 2 * coarse.shape[1]),
        _weights(coarse.shape[0], 2 * coarse.shape[0]),
    )
    smooth = np.stack([rows @ coarse[..., channel] @ columns.T for channel in range(3)], axis=2)
    return np.where(known[..., None], colours, smooth[:height, :width])


def _pair_sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of 2 x 2 pixels of an array with even sides."""
    return np.asarray(values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2])
