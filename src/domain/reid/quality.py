"""How much a picture of a face is worth: what a client needs to refuse a bad enrolment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framecloak.domain.imaging.detections import FloatArray, Image

_MODEL = np.array(
    [
        [-17.6, -20.4, 0.0],
        [17.6, -20.4, 0.0],
        [0.0, 1.6, 16.0],
        [-14.6, 20.5, 4.0],
        [14.6, 20.5, 4.0],
    ]
)
"""An average face looking at the camera: eyes, nose and corners of the mouth; x to the right, y down, z to
the camera. In x and y it is the template that recognisers align to, made symmetric; 35.2 units are the 6.3 cm
between two eyes, and the depths are those of an average head. Detectors disagree by 3 units about how low a
nose is, so it is put in between."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLUR = 9
"""Pixels that the blurred copy is averaged over."""
_BORDER = 0.2
"""Share of a chip that is left out at each side: hair, background, and what lay outside the picture."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Signals of one face.

    Attributes:
        sharpness: 0 (a smear) to 1; faces in focus have 0.45 and more.
        yaw: degrees that the head is turned, positive towards the right side of the picture.
        pitch: degrees that it is raised, positive when it looks up.
        roll: degrees that it is tilted, positive clockwise.
        size: shorter side of the face's box in pixels.
    """

    sharpness: float
    yaw: float
    pitch: float
    roll: float
    size: float


def assess(chip: Image, landmarks: FloatArray, box: FloatArray) -> Quality:
    """The signals of a face.

    Args:
        chip: (side, side, 3) uint8 RGB, the face as it is aligned for a recogniser.
        landmarks: (5, 2) pixels of the picture that it was found in.
        box: (4,) ``x1, y1, x2, y2`` in the same pixels.
    """
    yaw, pitch, roll = pose(landmarks)
    size = float(min(box[2] - box[0], box[3] - box[1]))
    return Quality(sharpness(chip), yaw, pitch, roll, size)


def sharpness(chip: Image) -> float:
    """How much of a face's detail another blur would take away.

    Crete et al., "The blur effect: perception and estimation with a new no-reference perceptual blur metric",
    2007: a blurred picture hardly changes when it is blurred again. The measure does not depend on brightness
    or contrast.

    Args:
        chip: (side, side, 3) uint8 RGB.

    Returns:
        0 to 1; 0 for a chip without any detail.
    """
    margin = round(_BORDER * len(chip))
    luma = chip[margin : len(chip) - margin, margin : len(chip) - margin] @ _LUMA
    return min(_detail_lost(luma), _detail_lost(luma.T))


def _detail_lost(luma: FloatArray) -> float:
    """Share of the differences between neighbours in a column that an average over the column removes."""
    sums = np.cumsum(luma, axis=0, dtype=np.float64)
    blurred = (sums[_BLUR:] - sums[:-_BLUR]) / _BLUR
    middle = luma[_BLUR // 2 + 1 : _BLUR // 2 + 1 + len(blurred)]
    before, after = np.abs(np.diff(middle, axis=0)), np.abs(np.diff(blurred, axis=0))
    total = float(before.sum())
    return float(np.maximum(before - after, 0).sum()) / total if total > 0 else 0.0


def pose(landmarks: FloatArray) -> tuple[float, float, float]:
    """Which way a head is turned, from five landmarks.

    An average face is turned until its landmarks, seen from far away, lie on the given ones: DeMenthon and
    Davis, "Model-based object pose in 25 lines of code", 1995, without its iteration for near cameras. Heads
    differ, so a few degrees off are usual.

    Args:
        landmarks: (5, 2) pixels: eyes, nose, corners of the mouth.

    Returns:
        Yaw, pitch and roll in degrees, as in `Quality`; all 0 for landmarks in one point.
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
    """Angles of the rotation whose rows say where the picture's axes lie in the head.

    The head's own axis towards the camera, as seen in the picture, gives yaw and pitch.
    """
    yaw = np.arctan2(right[2], forward[2])
    pitch = np.arctan2(-down[2], np.hypot(right[2], forward[2]))
    roll = np.arctan2(down[0], right[0])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


_CENTRED = _MODEL - _MODEL.mean(axis=0)
_INVERSE = np.linalg.pinv(_CENTRED.T)
"""(5, 3): turns centred landmarks into the scaled first two rows of the rotation."""
