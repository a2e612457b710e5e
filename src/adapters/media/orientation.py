"""Orientation of stored pixels: EXIF orientations and the display matrices of containers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum

import cv2
import numpy as np
from cv2.typing import MatLike

from framecloak.domain.imaging.detections import Image

_MIN_AXIS_SHARE = 0.9  # minimum share of a matrix row's length along one axis to be a quarter turn


class Orientation(IntEnum):
    """Transformation that turns stored pixels upright, numbered as in EXIF (tag 0x0112)."""

    UPRIGHT = 1
    MIRRORED = 2
    HALF_TURN = 3
    FLIPPED = 4
    TRANSPOSED = 5
    QUARTER_TURN = 6
    TRANSVERSED = 7
    THREE_QUARTER_TURN = 8

    @property
    def swaps_sides(self) -> bool:
        """True if the transformation exchanges width and height."""
        return self >= Orientation.TRANSPOSED

    @property
    def degrees(self) -> int:
        """Clockwise rotation in degrees, without the mirroring: 0, 90, 180 or 270."""
        return _DEGREES[self]

    def apply(self, image: Image) -> Image:
        """Turn stored pixels upright.

        Args:
            image: (h, w, c) uint8.

        Returns:
            The same array if it is already upright, else a new contiguous array.
        """
        turn = _TURNS.get(self)
        return image if turn is None else np.asarray(turn(image), np.uint8)

    def stored_part(
        self, left: int, top: int, width: int, height: int, size: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Return left, top, width and height, in stored pixels, of a part of the upright image.

        Args:
            left: left edge of the part, in upright pixels.
            top: upper edge.
            width: width of the part.
            height: height of the part.
            size: width and height of the upright image.
        """
        if self in _MIRRORED_ACROSS:
            left = size[0] - left - width
        if self in _MIRRORED_DOWN:
            top = size[1] - top - height
        return (top, left, height, width) if self.swaps_sides else (left, top, width, height)

    @classmethod
    def from_degrees(cls, clockwise: int) -> Orientation:
        """Return the orientation of a clockwise rotation; ``UPRIGHT`` for other than quarter turns."""
        turns = {90: cls.QUARTER_TURN, 180: cls.HALF_TURN, 270: cls.THREE_QUARTER_TURN}
        return turns.get(clockwise % 360, cls.UPRIGHT)

    @classmethod
    def from_display_matrix(cls, matrix: bytes) -> Orientation:
        """Return the orientation of a track header's 3x3 matrix (ISO/IEC 14496-12, 8.3.2).

        Args:
            matrix: nine native 32-bit integers ``a b u c d v x y w``, as libav exposes them; a stored
                point ``(p, q)`` is shown at ``(a p + c q, b p + d q)``.

        Returns:
            The nearest orientation; ``UPRIGHT`` for shears and for other than quarter turns.
        """
        if len(matrix) < 36:
            return cls.UPRIGHT
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
        signs = (*_signed_axis(a, b), *_signed_axis(c, d))
        return _BY_SIGNS.get(signs, cls.UPRIGHT)


def _signed_axis(x: int, y: int) -> tuple[int, int]:
    """Return the signed axis that a matrix row points along; ``(0, 0)`` if it is along neither axis."""
    length = (x * x + y * y) ** 0.5
    if abs(x) > _MIN_AXIS_SHARE * length:
        return (1 if x > 0 else -1), 0
    if abs(y) > _MIN_AXIS_SHARE * length:
        return 0, (1 if y > 0 else -1)
    return 0, 0


_TURNS: dict[Orientation, Callable[[Image], MatLike]] = {
    Orientation.MIRRORED: lambda image: cv2.flip(image, 1),
    Orientation.HALF_TURN: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    Orientation.FLIPPED: lambda image: cv2.flip(image, 0),
    Orientation.TRANSPOSED: cv2.transpose,
    Orientation.QUARTER_TURN: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    Orientation.TRANSVERSED: lambda image: cv2.flip(cv2.transpose(image), -1),
    Orientation.THREE_QUARTER_TURN: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
_MIRRORED_ACROSS = {
    Orientation.MIRRORED,
    Orientation.HALF_TURN,
    Orientation.QUARTER_TURN,
    Orientation.TRANSVERSED,
}
"""Orientations in which the upright image runs against the stored one from left to right."""
_MIRRORED_DOWN = {
    Orientation.HALF_TURN,
    Orientation.FLIPPED,
    Orientation.TRANSVERSED,
    Orientation.THREE_QUARTER_TURN,
}
"""Orientations in which it does from top to bottom."""
_DEGREES = {
    Orientation.UPRIGHT: 0,
    Orientation.MIRRORED: 0,
    Orientation.HALF_TURN: 180,
    Orientation.FLIPPED: 180,
    Orientation.TRANSPOSED: 270,
    Orientation.QUARTER_TURN: 90,
    Orientation.TRANSVERSED: 90,
    Orientation.THREE_QUARTER_TURN: 270,
}
_BY_SIGNS = {
    (1, 0, 0, 1): Orientation.UPRIGHT,
    (-1, 0, 0, 1): Orientation.MIRRORED,
    (-1, 0, 0, -1): Orientation.HALF_TURN,
    (1, 0, 0, -1): Orientation.FLIPPED,
    (0, 1, 1, 0): Orientation.TRANSPOSED,
    (0, 1, -1, 0): Orientation.QUARTER_TURN,
    (0, -1, -1, 0): Orientation.TRANSVERSED,
    (0, -1, 1, 0): Orientation.THREE_QUARTER_TURN,
}
