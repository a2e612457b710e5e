"""Conversion of decoded frames to 8-bit BGR and RGB arrays.

Colours follow the tags of the stream: matrix (BT.601, BT.709, BT.2020) and range. An untagged stream is
treated as BT.601, as in ffmpeg and OpenCV. The expensive part of every function runs without the GIL.
"""

from __future__ import annotations

import threading
from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from framecloak.adapters.media.scaling import scaled
from framecloak.domain.imaging.detections import Image

_PLANAR_YUV = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"}
_BT601 = (0.299, 0.114)
_LUMA_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""Weights of red and blue in the luma of BT.709, FCC, SMPTE 240M and BT.2020, by their number in H.273."""
_ALPHA_FORMATS = {"pal8", "ya8", "ya16be", "ya16le"}


class _Reformatters(threading.local):
    """Reusable scalers of the current thread; a scaler is reinitialised when its sizes change."""

    def __init__(self) -> None:
        self.full_size = VideoReformatter()
        self.resized = VideoReformatter()


_reformatters = _Reformatters()


def to_bgr(frame: av.VideoFrame) -> Image:
    """Convert a decoded frame to BGR at its own size.

    Transparent pixels are blended with black, so that hidden content stays hidden.

    Returns:
        (height, width, 3) uint8 BGR, a new contiguous array.

    Raises:
        av.FFmpegError: the pixel format cannot be converted.
    """
    if _has_alpha(frame):
        return _blend_on_black(_convert_full_size(frame, "bgra"))
    return _convert_full_size(frame, "bgr24")


def to_rgb(frame: av.VideoFrame, width: int, height: int) -> Image:
    """Convert a decoded frame to RGB, resized to the given width and height in pixels.

    Returns:
        (height, width, 3) uint8 RGB, contiguous.

    Raises:
        av.FFmpegError: the pixel format cannot be converted.
    """
    if _has_alpha(frame):
        return np.asarray(cv2.cvtColor(scaled(to_bgr(frame), width, height), cv2.COLOR_BGR2RGB), np.uint8)
    if frame.format.name in _PLANAR_YUV:
        return _scaled_planes(frame, width, height)
    shrinks = width <= frame.width and height <= frame.height
    converted = _reformatters.resized.reformat(
        frame,
        width,
        height,
        "rgb24",
        interpolation=Interpolation.AREA if shrinks else Interpolation.BICUBIC,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return _as_image(converted)


def _convert_full_size(frame: av.VideoFrame, pixel_format: str) -> Image:
    converted = _reformatters.full_size.reformat(
        frame, format=pixel_format, dst_color_range=ColorRange.JPEG, threads=1
    )
    image = _as_image(converted)
    return image.copy() if converted is frame else image


def _as_image(frame: av.VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(), np.uint8)


def _scaled_planes(frame: av.VideoFrame, width: int, height: int) -> Image:
    """Scale the Y, U and V planes, then convert: a quarter of the work of the opposite order.

    All three planes get the full size: chroma at half of it costs text up to a tenth of its score.
    """
    planes = []
    for plane in frame.planes:
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(scaled(stored[:, : plane.width], width, height))
    full_range = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
    return np.asarray(cv2.transform(cv2.merge(planes), _yuv_to_rgb(frame.colorspace, full_range)), np.uint8)


@cache
def _yuv_to_rgb(colorspace: int, full_range: bool) -> NDArray[np.float32]:
    """Return the (3, 4) matrix from 8-bit YUV to RGB, with offsets in its last column (ITU-T H.273, 8.3)."""
    red, blue = _LUMA_WEIGHTS.get(colorspace, _BT601)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (255 / 219, 255 / 224, 16)
    from_u = np.array([0, -2 * (1 - blue) * blue / green, 2 * (1 - blue)]) * chroma
    from_v = np.array([2 * (1 - red), -2 * (1 - red) * red / green, 0]) * chroma
    matrix = np.column_stack([np.full(3, luma), from_u, from_v])
    return np.column_stack([matrix, -matrix @ [black, 128, 128]]).astype(np.float32)


def _has_alpha(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return name in _ALPHA_FORMATS or any(component.is_alpha for component in frame.format.components)


def _blend_on_black(bgra: Image) -> Image:
    alpha = bgra[:, :, 3:].astype(np.uint16)
    return ((bgra[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
