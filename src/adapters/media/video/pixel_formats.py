"""Conversion of decoded frames to 8-bit BGR and RGB arrays.

Colours follow the tags of the stream: matrix (BT.601, BT.709, BT.2020) and range. An untagged stream is
treated as BT.601, as in ffmpeg and OpenCV. The expensive part of every function runs without the GIL.
"""

from __future__ import annotations

import threading

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from framecloak.domain.imaging.detections import Image

_PLANAR_YUV = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"}
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
        resized = cv2.resize(to_bgr(frame), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)
    if frame.format.name in _PLANAR_YUV and width % 2 == height % 2 == 0:
        small = _resized_planes(frame, width, height)
        converted = _reformatters.resized.reformat(small, format="rgb24", threads=1)
    else:
        converted = _reformatters.resized.reformat(frame, width, height, "rgb24", threads=1)
    return _as_image(converted)


def resize_image(image: Image, width: int, height: int) -> Image:
    """Resize an image (h, w, 3) into a new contiguous array; return it unchanged if the size is the same."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), np.uint8)


def _convert_full_size(frame: av.VideoFrame, pixel_format: str) -> Image:
    converted = _reformatters.full_size.reformat(
        frame, format=pixel_format, dst_color_range=ColorRange.JPEG, threads=1
    )
    image = _as_image(converted)
    return image.copy() if converted is frame else image


def _as_image(frame: av.VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(), np.uint8)


def _resized_planes(frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
    """Resize the Y, U and V planes separately: a third of the work of resizing after conversion."""
    planar = np.empty((height * 3 // 2, width), np.uint8)
    chroma = planar[height:].reshape(2, height // 2, width // 2)
    for plane, target in zip(frame.planes, (planar[:height], chroma[0], chroma[1]), strict=True):
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        _resize_plane(stored[:, : plane.width], target)
    small = av.VideoFrame.from_numpy_buffer(planar, "yuv420p")
    small.colorspace = frame.colorspace
    full_range = frame.format.name.startswith("yuvj")
    small.color_range = ColorRange.JPEG if full_range else frame.color_range
    return small


def _resize_plane(source: Image, target: Image) -> None:
    height, width = target.shape
    # Linear interpolation uses two pixels per axis only; halving first takes every pixel into account.
    while source.shape[0] >= 2 * height and source.shape[1] >= 2 * width:
        half = source.shape[1] // 2, source.shape[0] // 2
        even = source[: 2 * half[1], : 2 * half[0]]
        source = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    cv2.resize(source, (width, height), dst=target, interpolation=cv2.INTER_LINEAR)


def _has_alpha(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return name in _ALPHA_FORMATS or any(component.is_alpha for component in frame.format.components)


def _blend_on_black(bgra: Image) -> Image:
    alpha = bgra[:, :, 3:].astype(np.uint16)
    return ((bgra[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
