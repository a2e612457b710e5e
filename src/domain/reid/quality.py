"""Quality measures of a face image, by which a client can refuse a bad enrolment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.model.faces import Quality

_HEAD_MODEL = np.array(
    [
        [-17.6, -20.4, 0.0],
        [17.6, -20.4, 0.0],
        [0.0, 1.6, 16.0],
        [-14.6, 20.5, 4.0],
        [14.6, 20.5, 4.0],
    ]
)
"""An average face looking at the camera: eyes, nose and corners of the mouth; x to the right, y down, z
towards the camera. In x and y it is the alignment template of recognisers, made symmetric; 35.2 units are the
6.3 cm between two eyes, and the depths are those of an average head. Detectors disagree by 3 units about the
height of the nose, so a value in between is used."""

_CENTRED = _HEAD_MODEL - _HEAD_MODEL.mean(axis=0)
_INVERSE = np.linalg.pinv(_CENTRED.T)
"""(5, 3): maps centred landmarks to the scaled first two rows of the rotation."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLUR_PX = 9
"""Length of the averaging filter in pixels."""
_MARGIN = 0.2
"""Share of the face crop that is ignored on each side: hair, background, and areas outside the image."""


def assess(chip: Image, landmarks: FloatArray, box: FloatArray) -> Quality:
    """Return the quality measures of a face.

    Args:
        chip: (side, side, 3) uint8 RGB, face crop aligned for a recogniser.
        landmarks: (5, 2) pixels of the image.
        box: (4,) ``x1, y1, x2, y2`` in pixels of the image.
    """
    yaw, pitch, roll = pose(landmarks)
    size = float(min(box[2] - box[0], box[3] - box[1]))
    return Quality(sharpness(chip), yaw, pitch, roll, size)


def sharpness(chip: Image) -> float:
    """Return the share of a face's detail that another blur would remove.

    Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric",
    2007: a blurred image hardly changes when it is blurred again. The measure does not depend on brightness
    or contrast.

    Args:
        chip: (side, side, 3) uint8 RGB, aligned face crop.

    Returns:
        0 to 1; 0 for a crop without any detail.
    """
    margin = round(_MARGIN * len(chip))
    luma = chip[margin : len(chip) - margin, margin : len(chip) - margin] @ _LUMA
    return min(_lost_detail_share(luma), _lost_detail_share(luma.T))


def _lost_detail_share(luma: FloatArray) -> float:
    """Return the share of the differences between column neighbours that averaging the column removes."""
    sums = np.cumsum(luma, axis=0, dtype=np.float64)
    blurred = (sums[_BLUR_PX:] - sums[:-_BLUR_PX]) / _BLUR_PX
    middle = luma[_BLUR_PX // 2 + 1 : _BLUR_PX // 2 + 1 + len(blurred)]
    before, after = np.abs(np.diff(middle, axis=0)), np.abs(np.diff(blurred, axis=0))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total > 0 else 0.0


def pose(landmarks: FloatArray) -> tuple[float, float, float]:
    """Estimate the orientation of a head from five landmarks.

    An average face is rotated until its landmarks, under orthographic projection, match the given ones:
    DeMenthon and Davis, "Model-based object pose in 25 lines of code", 1995, without the iteration for near
    cameras. Heads differ, so errors of a few degrees are usual.

    Args:
        landmarks: (5, 2) pixels: eyes, nose, corners of the mouth.

    Returns:
        Yaw, pitch and roll in degrees, as in `Quality`; all 0 if the landmarks coincide.
    """
    points = landmarks.astype(np.float64)
    scaled = (points - points.mean(axis=0)).T @ _INVERSE
    lengths = np.linalg.norm(scaled, axis=1)
    if not (lengths > 1e-9).all():
        return 0.0, 0.0, 0.0
    right, down = scaled / lengths[:, None]
    forward = np.cross(right, down)
    forward /= max(float(np.linalg.norm(forward)), 1e-9)
    return _angles(right, down, forward)


def _angles(
    right: NDArray[np.float64], down: NDArray[np.float64], forward: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return the angles of a rotation whose rows are the image's axes in coordinates of the head.

    Yaw and pitch follow from the head's axis towards the camera, as seen in the image.
    """
    yaw = np.arctan2(right[2], forward[2])
    pitch = np.arctan2(-down[2], np.hypot(right[2], forward[2]))
    roll = np.arctan2(down[0], right[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))
