"""Conversion of decoded frames to 8-bit BGR and RGB arrays.

Colours follow the tags of the stream: matrix, range and transfer. HDR is tone-mapped to BT.709. A stream
without a matrix is treated as BT.601, one with a reserved matrix as BT.709 if it is HD. The expensive part
of every function runs without the GIL.
"""

from __future__ import annotations

import threading
from functools import cache

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from framecloak.adapters.media.colour.colour_tags import (
    BT709,
    ICTCP,
    SWSCALE_MATRICES,
    YCGCO,
    is_full_range,
    is_hdr,
    is_limited_grey,
    matrix_of,
    yuv_to_rgb,
)
from framecloak.adapters.media.colour.tone_mapping import peak_nits, tone_mapped
from framecloak.adapters.media.scaling import scaled
from framecloak.domain.imaging.detections import Image

_PLANAR_YUV = {"yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"}
_ACCURATE = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
LARGEST_PART = 0.25
"""Share of a frame up to which parts are read from its planes; larger ones convert faster as a whole."""

_PART_MARGIN_PX = 8
"""Pixels around a part that its interpolation may read."""

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
    if is_hdr(frame):
        return _reversed(_tone_mapped(frame, frame.width, frame.height))
    if _is_ycgco(frame):
        return _reversed(_ycgco_to_rgb(frame, frame.width, frame.height))
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
    if is_hdr(frame):
        return _tone_mapped(frame, width, height)
    if _has_alpha(frame):
        return _reversed(scaled(to_bgr(frame), width, height))
    if frame.format.name in _PLANAR_YUV:
        return _scaled_planes(frame, width, height)
    if _is_ycgco(frame):
        return _ycgco_to_rgb(frame, width, height)
    return _stretched_grey(frame, _as_image(_resized(frame, width, height, "rgb24")))


def part_to_rgb(frame: av.VideoFrame, left: int, top: int, width: int, height: int) -> Image:
    """Convert a part of a decoded frame to RGB, at the frame's own size.

    Of planar formats only the part is read; others are converted as a whole.

    Args:
        frame: the decoded frame.
        left: left edge of the part in pixels; it must lie inside the frame.
        top: upper edge.
        width: width of the part.
        height: height of the part.

    Returns:
        (height, width, 3) uint8 RGB, contiguous.

    Raises:
        av.FFmpegError: the pixel format cannot be converted.
    """
    if frame.format.name in _PLANAR_YUV and not is_hdr(frame) and not _is_ycgco(frame):
        if width * height <= LARGEST_PART * frame.width * frame.height:
            return _part_of_planes(frame, left, top, width, height)
        whole = _convert_full_size(frame, "rgb24")
        return np.ascontiguousarray(whole[top : top + height, left : left + width])
    return _reversed(to_bgr(frame)[top : top + height, left : left + width])


def _convert_full_size(frame: av.VideoFrame, pixel_format: str) -> Image:
    # Naming a matrix that swscale would take anyway makes its result less exact.
    matrix = None if frame.colorspace in SWSCALE_MATRICES else matrix_of(frame)
    converted = _reformatters.full_size.reformat(
        frame,
        format=pixel_format,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    image = _as_image(converted)
    return _stretched_grey(frame, image.copy() if converted is frame else image)


def _resized(
    frame: av.VideoFrame, width: int, height: int, pixel_format: str, *, keeps_matrix: bool = False
) -> av.VideoFrame:
    """Return a frame of full range at another size and in another format."""
    shrinks = width <= frame.width and height <= frame.height
    method = Interpolation.AREA if shrinks else Interpolation.BICUBIC
    # With these flags, swscale gives wrong colours in 16 bits.
    accuracy = Interpolation(0) if pixel_format == "rgb48le" else _ACCURATE
    matrix = BT709 if keeps_matrix else matrix_of(frame)
    return _reformatters.resized.reformat(
        frame,
        width,
        height,
        pixel_format,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        interpolation=method | accuracy,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )


def _as_image(frame: av.VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(), np.uint8)


def _reversed(image: Image) -> Image:
    """Return RGB as BGR, or BGR as RGB."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)


def _scaled_planes(frame: av.VideoFrame, width: int, height: int) -> Image:
    """Scale the Y, U and V planes, then convert: a quarter of the work of the opposite order.

    All three planes get the full size: chroma at half of it costs text up to a tenth of its score.
    """
    planes = []
    for plane in frame.planes:
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        planes.append(scaled(stored[:, : plane.width], width, height))
    matrix = yuv_to_rgb(matrix_of(frame), is_full_range(frame))
    return np.asarray(cv2.transform(cv2.merge(planes), matrix), np.uint8)


def _part_of_planes(frame: av.VideoFrame, left: int, top: int, width: int, height: int) -> Image:
    """Read a part of the Y, U and V planes, repeat subsampled ones as a whole frame would, and convert."""
    # Interpolation reads beyond the part, whose borders then look like any other place of the frame.
    first = [max(0, start - _PART_MARGIN_PX) // 2 * 2 for start in (left, top)]
    last = [
        min(side, start + length + _PART_MARGIN_PX)
        for side, start, length in ((frame.width, left, width), (frame.height, top, height))
    ]
    planes = []
    for plane in frame.planes:
        stored = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        steps = -(-frame.width // plane.width), -(-frame.height // plane.height)
        (x1, x2), (y1, y2) = (
            (low // step, -(-high // step)) for low, high, step in zip(first, last, steps, strict=True)
        )
        around = stored[y1:y2, x1:x2]
        if steps != (1, 1):
            size = (x2 - x1) * steps[0], (y2 - y1) * steps[1]
            around = np.asarray(cv2.resize(around, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        x, y = left - first[0], top - first[1]
        planes.append(around[y : y + height, x : x + width])
    matrix = yuv_to_rgb(matrix_of(frame), is_full_range(frame))
    return np.asarray(cv2.transform(cv2.merge(planes), matrix), np.uint8)


def _is_ycgco(frame: av.VideoFrame) -> bool:
    return matrix_of(frame) == YCGCO and _has_chroma_planes(frame)


def _has_chroma_planes(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith(("yuv", "nv", "p0", "p2", "p4", "y2", "uyvy", "yvyu", "vuy", "xv"))


def _ycgco_to_rgb(frame: av.VideoFrame, width: int, height: int) -> Image:
    """Convert a frame whose matrix swscale does not have."""
    planes = _resized(frame, width, height, "yuv444p", keeps_matrix=True)
    stacked = np.moveaxis(planes.to_ndarray(), 0, -1)
    rgb = cv2.transform(np.ascontiguousarray(stacked, np.uint8), yuv_to_rgb(YCGCO, full_range=True))
    return _over_black(frame, np.asarray(rgb, np.uint8))


def _tone_mapped(frame: av.VideoFrame, width: int, height: int) -> Image:
    """Convert an HDR frame to RGB of BT.709 at a size; it is resized before, as its display would show it."""
    ictcp = frame.colorspace == ICTCP and _has_chroma_planes(frame)
    target = "yuv444p16le" if ictcp else "rgb48le"
    stored = _resized(frame, width, height, target, keeps_matrix=ictcp).to_ndarray()
    codes = np.ascontiguousarray(np.moveaxis(stored, 0, -1) if ictcp else stored, np.uint16)
    image = tone_mapped(codes, frame.color_trc, frame.color_primaries, peak_nits(frame), ictcp=ictcp)
    return _over_black(frame, image)


def _over_black(frame: av.VideoFrame, image: Image) -> Image:
    """Blend a converted image with black where the frame that it comes from is transparent."""
    if not _has_alpha(frame):
        return image
    alpha = _as_image(_resized(frame, image.shape[1], image.shape[0], "rgba", keeps_matrix=True))[:, :, 3:]
    return _blend_on_black(np.concatenate([image, alpha], axis=2))


def _stretched_grey(frame: av.VideoFrame, image: Image) -> Image:
    """Return an image of limited grey at full range; its alpha channel, if any, stays as it is."""
    if not is_limited_grey(frame):
        return image
    image[:, :, :3] = cv2.LUT(np.ascontiguousarray(image[:, :, :3]), _limited_to_full())
    return image


@cache
def _limited_to_full() -> NDArray[np.uint8]:
    """Return (256,) full-range levels by limited-range level."""
    return np.clip(np.round((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


def _has_alpha(frame: av.VideoFrame) -> bool:
    name = frame.format.name
    return name in _ALPHA_FORMATS or any(component.is_alpha for component in frame.format.components)


def _blend_on_black(bgra: Image) -> Image:
    alpha = bgra[:, :, 3:].astype(np.uint16)
    return ((bgra[:, :, :3] * alpha + 127) // 255).astype(np.uint8)
