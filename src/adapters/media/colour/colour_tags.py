"""Colour tags of decoded frames (ITU-T H.273): matrices, with a rule for those that state none."""

from __future__ import annotations

from functools import cache

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

BT709, BT601, YCGCO, BT2020, ICTCP = 1, 5, 8, 9, 14
_UNSPECIFIED = 2
SWSCALE_MATRICES = frozenset({1, _UNSPECIFIED, 4, 5, 6, 7, 9})
"""Matrices that swscale reads by itself as `matrix_of` does."""

PQ, HLG = 16, 18
"""Transfer characteristics of SMPTE ST 2084 and ARIB STD-B67."""

MIN_HD_SIZE = 1280, 577
"""Width or height in pixels from which a stream with a reserved matrix is BT.709."""

_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""Weights of red and blue in the luma of each matrix, by its number."""

_EQUIVALENTS = {_UNSPECIFIED: BT601, 6: BT601, 10: BT2020}
"""Matrices that are read as another one: swscale numbers BT.601 as 5 and does not know constant luminance."""

_OF_YCGCO = ((1, -1, 1), (1, 1, 0), (1, -1, -1))
"""R, G and B from Y, Cg and Co (ITU-T H.273, 8.3)."""


def matrix_of(frame: av.VideoFrame) -> int:
    """Return the number of the matrix that a frame's YUV planes are to be read with.

    A stream that states none is read as BT.601, as by ffmpeg and OpenCV. For a number that is reserved or
    cannot apply, this function takes BT.709 for HD and BT.601 for smaller frames, as players do.
    """
    stated = _EQUIVALENTS.get(frame.colorspace, frame.colorspace)
    if stated in _LUMA_WEIGHTS or stated == YCGCO or (stated == ICTCP and is_hdr(frame)):
        return stated
    width, height = MIN_HD_SIZE
    return BT709 if frame.width >= width or frame.height >= height else BT601


def is_hdr(frame: av.VideoFrame) -> bool:
    """Return True if a frame's values are those of PQ or HLG."""
    return frame.color_trc in {PQ, HLG}


def is_full_range(frame: av.VideoFrame) -> bool:
    """Return True if a frame's YUV planes use all values, as those of a JPEG do."""
    return frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG


def is_limited_grey(frame: av.VideoFrame) -> bool:
    """Return True for luma without chroma in the range 16 to 235; swscale reads it as full range."""
    name = frame.format.name
    return name.startswith(("gray", "ya")) and "f" not in name and frame.color_range == ColorRange.MPEG


@cache
def yuv_to_rgb(matrix: int, full_range: bool) -> NDArray[np.float32]:
    """Return the (3, 4) matrix from 8-bit YUV to RGB, with offsets in its last column (ITU-T H.273, 8.3)."""
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (255 / 219, 255 / 224, 16)
    if matrix == YCGCO:
        by_plane = np.array(_OF_YCGCO, np.float64) * [luma, chroma, chroma]
    else:
        red, blue = _LUMA_WEIGHTS[matrix]
        green = 1 - red - blue
        from_u = np.array([0, -2 * (1 - blue) * blue / green, 2 * (1 - blue)]) * chroma
        from_v = np.array([2 * (1 - red), -2 * (1 - red) * red / green, 0]) * chroma
        by_plane = np.column_stack([np.full(3, luma), from_u, from_v])
    return np.column_stack([by_plane, -by_plane @ [black, 128, 128]]).astype(np.float32)
