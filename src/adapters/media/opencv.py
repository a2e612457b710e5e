"""Redaction, encoding and decoding of images with OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from math import ceil, floor
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framecloak.adapters.media.pictures.header import PictureHeader, UnknownPictureError, read_header
from framecloak.domain.anonymization.model.options import (
    Appearance,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
)
from framecloak.domain.errors import ExaminationError, InvalidFormatError, OutputUnwritableError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports import Frame

MAX_CELLS = 6
"""Maximum number of mosaic cells per axis of a box, whatever the size of the box."""
_SMALLEST = 1e-6  # prevents a division by zero for a box without height
_MIN_CELL = 4  # side of a cell in pixels; a box of 8 pixels keeps 2 x 2 cells
# Level 1 with run-length matching was the fastest of all settings measured, and gave smaller files.
_PNG_PARAMETERS = [
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_RLE,
]
_REDUCTIONS = (
    (8, cv2.IMREAD_REDUCED_COLOR_8),
    (4, cv2.IMREAD_REDUCED_COLOR_4),
    (2, cv2.IMREAD_REDUCED_COLOR_2),
)
_NEARLY = 0.97
"""Minimum size of a reduced image, relative to the requested size: half of 1080 rows suffices for 544."""
_MAX_SIDE = {OutputFormat.WEBP: 16383, OutputFormat.JPG: 65500, OutputFormat.JPEG: 65500}


def use_one_thread_per_call() -> None:
    """Disable OpenCV's own threads. The composition root calls this once.

    The pipeline already processes one frame per worker thread. Additional threads inside each call would
    compete with these, and reduced the throughput in all measurements.
    """
    cv2.setNumThreads(1)


class _Box(NamedTuple):
    """Box with ordered, finite corners in pixels; it may extend beyond the image."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def columns(self) -> range:
        """Columns of pixels that the box touches, at least one."""
        return range(floor(self.x1), max(ceil(self.x2), floor(self.x1) + 1))

    @property
    def rows(self) -> range:
        """Rows of pixels that the box touches, at least one."""
        return range(floor(self.y1), max(ceil(self.y2), floor(self.y1) + 1))

    @property
    def inside_picture(self) -> tuple[slice, slice]:
        """Rows and columns as an index into the image; slicing clips them at its right and lower edge."""
        rows, columns = self.rows, self.columns
        return slice(max(rows.start, 0), rows.stop), slice(max(columns.start, 0), columns.stop)


class OpenCvRedactor:
    """Redactor that fills, pixelates or blurs boxes. It is stateless and thread-safe."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        """Redact the pixels inside the boxes, in place.

        Pixelation averages a box over at most `MAX_CELLS` x `MAX_CELLS` cells. Blur smooths the same
        mosaic, so reversing the blur only restores the mosaic. Boxes may overlap and extend beyond the
        image; boxes that are fully outside have no effect.

        Args:
            image: (h, w, 3) uint8 BGR, contiguous; modified.
            boxes: (n, 4) ``x1, y1, x2, y2`` in pixels; every pixel that a box touches is inside it.
            style: redaction style.
            shape: the box itself, or the ellipse inscribed in it.

        Raises:
            ValueError: a coordinate is NaN; no box has been redacted in this case.
        """
        if np.isnan(boxes).any():
            raise ValueError("a box to redact has a coordinate that is not a number")
        for box in _boxes_on(image, boxes):
            if style is RedactionStyle.SOLID:
                _fill(image, box, shape)
            else:
                _coarsen(image, box, shape, smooth=style is RedactionStyle.BLUR)


class OpenCvReader:
    """Decoder of encoded result frames. It is stateless and thread-safe."""

    def read(self, data: bytes, index: int) -> Frame:
        """Return a frame that is decoded from the bytes of its image file when its pixels are read.

        Args:
            data: content of the image file.
            index: number of the frame.

        Raises:
            ExaminationError: the bytes are not an image.
        """
        try:
            header = read_header(BytesIO(data))
        except UnknownPictureError as error:
            raise _unreadable(index) from error
        return _WrittenFrame(index, data, header)


class _WrittenFrame:
    """Frame backed by an encoded image, decoded at each access to its pixels."""

    def __init__(self, index: int, data: bytes, header: PictureHeader) -> None:
        self.index = index
        self.width, self.height = header.width, header.height
        self.nbytes = len(data)
        self._data = data
        self._shrinks = header.codec == "mjpeg"

    def bgr(self) -> Image:
        return self._decoded(cv2.IMREAD_COLOR)

    def rgb(self, width: int, height: int) -> Image:
        image = self._decoded(self._reduction(width, height))
        resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), np.uint8)

    def _reduction(self, width: int, height: int) -> int:
        """Return the OpenCV flag to decode with.

        A JPEG is decoded at the smallest sufficient scale, which takes a third of the time.
        """
        for share, flag in _REDUCTIONS if self._shrinks else ():
            if self.width >= share * width * _NEARLY and self.height >= share * height * _NEARLY:
                return flag
        return cv2.IMREAD_COLOR

    def _decoded(self, flag: int) -> Image:
        image = cv2.imdecode(np.frombuffer(self._data, np.uint8), flag)
        if image is None:
            raise _unreadable(self.index)
        return np.asarray(image, np.uint8)


def _unreadable(index: int) -> ExaminationError:
    return ExaminationError(f"the encoded image of frame {index} cannot be decoded")


class OpenCvEncoder:
    """Encoder of images as JPEG, PNG or WebP without metadata. It is stateless and thread-safe."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        """Encode an image in the format and quality of an appearance.

        Args:
            image: (h, w, 3) uint8 BGR.
            appearance: format and quality.

        Raises:
            InvalidFormatError: the format cannot hold an image of this size, or is not an image format.
            OutputUnwritableError: the encoder failed.
        """
        form = appearance.output_format
        height, width = image.shape[:2]
        limit = _MAX_SIDE.get(form)
        if limit is not None and max(width, height) > limit:
            message = f"{form} holds at most {limit} pixels a side, and this frame is {width}x{height}"
            raise InvalidFormatError(message, "choose png")
        try:
            written, data = cv2.imencode(f".{form}", image, _parameters(appearance))
        except cv2.error as error:
            raise _encoding_failed(form, width, height) from error
        if not written:
            raise _encoding_failed(form, width, height)
        return data.tobytes()


def _parameters(appearance: Appearance) -> list[int]:
    match appearance.output_format:
        case OutputFormat.PNG:
            return _PNG_PARAMETERS
        case OutputFormat.WEBP:
            return [cv2.IMWRITE_WEBP_QUALITY, appearance.quality]
        case OutputFormat.JPG | OutputFormat.JPEG:
            return [cv2.IMWRITE_JPEG_QUALITY, appearance.quality]
        case OutputFormat.MP4:
            raise InvalidFormatError("mp4 is not an image format", "choose jpg, png or webp")


def _encoding_failed(form: OutputFormat, width: int, height: int) -> OutputUnwritableError:
    message = f"a frame of {width}x{height} pixels could not be encoded as {form}"
    return OutputUnwritableError(message, "choose another format")


def _boxes_on(image: Image, boxes: FloatArray) -> Iterator[_Box]:
    """Yield the boxes that overlap the image, with ordered and finite corners."""
    height, width = image.shape[:2]
    # Coordinates may be infinite. Beyond twice the image size, clipping them makes no difference.
    limit = 2.0 * max(width, height)
    corners = np.clip(boxes.astype(np.float64), -limit, limit).reshape(-1, 2, 2)
    ordered = np.hstack([corners.min(axis=1), corners.max(axis=1)])
    for box in map(_Box._make, ordered.tolist()):
        rows, columns = box.rows, box.columns
        if rows.start < height and rows.stop > 0 and columns.start < width and columns.stop > 0:
            yield box


def _fill(image: Image, box: _Box, shape: RedactionShape) -> None:
    if shape is RedactionShape.BOX:
        image[box.inside_picture] = 0
    else:
        cv2.fillConvexPoly(image, _ellipse(box), (0, 0, 0))


def _coarsen(image: Image, box: _Box, shape: RedactionShape, *, smooth: bool) -> None:
    rows, columns = box.inside_picture
    patch = image[rows, columns]
    height, width = patch.shape[:2]
    means = cv2.resize(patch, (_cells(width), _cells(height)), interpolation=cv2.INTER_AREA)
    interpolation = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    coarse = cv2.resize(means, (width, height), interpolation=interpolation)
    if shape is RedactionShape.BOX:
        patch[:] = coarse
        return
    mask = np.zeros((height, width), np.uint8)
    outline = _ellipse(box) - np.array([columns.start, rows.start], np.int32)
    cv2.fillConvexPoly(mask, outline, 255)
    cv2.copyTo(coarse, mask, patch)


def _cells(pixels: int) -> int:
    return min(MAX_CELLS, max(1, pixels // _MIN_CELL))


def _ellipse(box: _Box) -> NDArray[np.int32]:
    """Return the outline of the pixels that the inscribed ellipse touches, clockwise.

    Each row of pixels contributes its two ends. Its width is the width of the ellipse at the height within
    the row that is nearest to the centre.

    Returns:
        (2 * rows, 2) int32 points ``x, y``.
    """
    rows = np.arange(box.rows.start, box.rows.stop)
    centre_x, centre_y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
    half_height = max((box.y2 - box.y1) / 2, _SMALLEST)
    nearest = np.clip(np.maximum(np.abs(rows + 0.5 - centre_y) - 0.5, 0) / half_height, 0, 1)
    reach = (box.x2 - box.x1) / 2 * np.sqrt(1 - nearest**2)
    left = np.floor(centre_x - reach)
    right = np.maximum(np.ceil(centre_x + reach) - 1, left)
    outline = np.empty((2 * len(rows), 2), np.int32)
    outline[:, 1] = np.concatenate([rows, rows[::-1]])
    outline[:, 0] = np.concatenate([right, left[::-1]])
    return outline
