"""Face alignment: cut upright face crops (chips) by fitting five landmarks to a template."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import FloatArray, Image

_MIN_SPREAD = 1e-6  # square pixels; prevents a division by zero if all landmarks coincide


def align(image: Image, landmarks: FloatArray, template: FloatArray, side: int) -> Image:
    """Cut aligned face crops (chips) out of an image.

    A face that is larger than its chip is scaled down by averaging instead of sampling, to avoid aliasing.

    Args:
        image: (h, w, 3) uint8.
        landmarks: (n, 5, 2) in pixels of the image.
        template: (5, 2) landmark positions in pixels of the chip.
        side: side of the square chip in pixels; areas outside the image are black.

    Returns:
        (n, side, side, 3) uint8.
    """
    chips = np.zeros((len(landmarks), side, side, 3), np.uint8)
    halves = [image]
    for chip, points in zip(chips, landmarks, strict=True):
        matrix = similarity_transform(points, template)
        zoom = np.hypot(matrix[0, 0], matrix[1, 0])
        level = 0
        # Coinciding landmarks have a zoom of 0; the size limit ends the loop for them.
        while zoom <= 0.5 and min(halves[level].shape[:2]) > 1:
            level += 1
            zoom *= 2
            if level == len(halves):
                halves.append(_half_size(halves[-1]))
        scaled = _scaled_transform(matrix, image, halves[level])
        cv2.warpAffine(halves[level], scaled, (side, side), dst=chip, flags=cv2.INTER_LINEAR)
    return chips


def similarity_transform(points: FloatArray, template: FloatArray) -> NDArray[np.float64]:
    """Return the similarity transform that maps points to a template with the least squared error.

    See Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991. In
    the plane and without reflection, the solution has this closed form.

    Args:
        points: (n, 2).
        template: (n, 2).

    Returns:
        (2, 3) matrix ``m`` that maps a point ``p`` to ``m[:, :2] @ p + m[:, 2]``.
    """
    source, target = np.asarray(points, np.float64), np.asarray(template, np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    source, target = source - source_mean, target - target_mean
    spread = max(float((source**2).sum()), _MIN_SPREAD)
    cosine = (source * target).sum() / spread
    sine = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, target_mean - turn @ source_mean])


def _half_size(image: Image) -> Image:
    height, width = (max(1, size // 2) for size in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _scaled_transform(matrix: NDArray[np.float64], image: Image, smaller: Image) -> NDArray[np.float64]:
    """Adapt a transformation to a downscaled copy of the image. Pixel centres are at 0.5."""
    if smaller is image:
        return matrix
    zoom = np.array([image.shape[1] / smaller.shape[1], image.shape[0] / smaller.shape[0]])
    result = matrix.copy()
    result[:, :2] = matrix[:, :2] * zoom
    result[:, 2] = matrix[:, 2] + matrix[:, :2] @ (zoom * 0.5 - 0.5)
    return result
