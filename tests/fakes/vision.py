"""Fake detectors, and functions that paint what they detect."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import BoxDetections, Detections, Image, ModelCard
from framecloak.domain.imaging.readings import Reading

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
"""Positions of the fake's landmarks in a box, relative to its size."""


class FakeFaceDetector:
    """Detects the magenta rectangles that ``paint_face`` paints. Thread-safe.

    Args:
        stride: widths and heights must be multiples of it.
        max_batch: maximum number of images per call.
        broken: fail on every image.
    """

    def __init__(self, stride: int = 32, max_batch: int = 4, *, broken: bool = False) -> None:
        self.stride = stride
        self.max_batch = max_batch
        self.broken = broken
        self.calls: list[tuple[int, ...]] = []
        self.card = ModelCard("fake", "0" * 64, "none", "CPU", "fp32")

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        if not images:
            return []
        shape = images[0].shape
        if len(images) > self.max_batch or any(image.shape != shape for image in images):
            raise ValueError("too many pictures, or of different shapes")
        if shape[0] % self.stride or shape[1] % self.stride:
            raise ValueError(f"{shape} is not in multiples of {self.stride}")
        self.calls.append((len(images), *shape[:2]))
        if self.broken:
            raise FrameAnalysisError("the fake detector is broken")
        return [_detect(image, threshold) for image in images]


def paint_face(image: Image, box: tuple[int, int, int, int], score: float = 0.9) -> None:
    """Paint a face for the fake detector into an RGB image, in place.

    Args:
        image: (h, w, 3) uint8 RGB.
        box: x1, y1, x2, y2 in pixels.
        score: 0.5 to 1: the paler the magenta, the lower.
    """
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = (255, round(255 * (1 - score)), 255)


def _detect(image: Image, threshold: float) -> Detections:
    red, green, blue = np.moveaxis(image, 2, 0)
    mask = ((red > 200) & (blue > 200) & (green < 140)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count == 1:
        return Detections.empty()
    corners = stats[1:, :2].astype(np.float32)
    extents = stats[1:, 2:4].astype(np.float32)
    greens = np.array([green[labels == label].mean() for label in range(1, count)])
    scores = (1 - greens / 255).astype(np.float32)
    found = Detections(
        np.hstack([corners, corners + extents]),
        scores,
        corners[:, np.newaxis] + extents[:, np.newaxis] * LANDMARKS,
    )
    order = np.argsort(-scores, kind="stable")
    return found.select(order[scores[order] >= threshold])


class FakeBoxDetector:
    """Detects the yellow rectangles that ``paint_text`` paints. Thread-safe.

    Args:
        stride: widths and heights must be multiples of it.
        broken: fail on every image.
    """

    def __init__(self, stride: int = 32, *, broken: bool = False) -> None:
        self.stride = stride
        self.broken = broken
        self.card = ModelCard("fake text", "1" * 64, "none", "CPU", "fp32")

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        if image.shape[0] % self.stride or image.shape[1] % self.stride:
            raise ValueError(f"{image.shape} is not in multiples of {self.stride}")
        if self.broken:
            raise FrameAnalysisError("the fake detector is broken")
        red, green, blue = np.moveaxis(image.astype(int), 2, 0)
        mask = ((red > 200) & (green > 200) & (blue < 140)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
        blues = np.bincount(labels.ravel(), blue.ravel(), count)[1:]
        scores = (1 - blues / stats[1:, cv2.CC_STAT_AREA] / 255).astype(np.float32)
        corners = stats[1:, :2].astype(np.float32)
        boxes = np.hstack([corners, corners + stats[1:, 2:4].astype(np.float32)])
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= threshold]
        return BoxDetections(boxes[order], scores[order])


def paint_text(image: Image, box: tuple[int, int, int, int], score: float = 0.9) -> None:
    """Paint text for the fake detector into an RGB image, in place; score as for ``paint_face``."""
    x1, y1, x2, y2 = box
    image[y1:y2, x1:x2] = (255, 255, round(255 * (1 - score)))


class FakeTextReader:
    """Reads the lines that ``paint_line`` paints. Thread-safe.

    Args:
        broken: fail on every line.

    Attributes:
        lines_read: number of lines read so far.
    """

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.lines_read = 0
        self.alphabet = frozenset(map(chr, range(32, 256)))
        self.card = ModelCard("fake reader", "2" * 64, "none", "CPU", "fp32")

    def read(self, lines: Sequence[Image]) -> list[Reading]:
        for line in lines:
            if line.dtype != np.uint8 or line.ndim != 3 or line.shape[2] != 3 or not line.size:
                raise ValueError(f"{line.shape} is not an image")
        if self.broken:
            raise FrameAnalysisError("the fake reader is broken")
        self.lines_read += len(lines)
        return [_read_line(line) for line in lines]


LINE_CELL_PX = 8
"""Width of a character that ``paint_line`` paints."""

_DARKEST, _STEP = 205, 3
"""Red and green of a cell: the detector looks for bright ones."""


def paint_line(image: Image, corner: tuple[int, int], text: str, height: int = 16) -> None:
    """Paint a line for the fake detector and the fake reader into an RGB image, in place.

    Every character is a yellow cell whose red and green values encode it; its blue value makes characters
    differ as visibly as letters do. The first cell marks the start, so that a turned line is not read.

    Args:
        image: (h, w, 3) uint8 RGB.
        corner: x, y of the upper left corner in pixels.
        text: Latin-1 text.
        height: height of the line in pixels.
    """
    x, y = corner
    for position, character in enumerate(f"\0{text}"):
        code = ord(character)
        left = x + position * LINE_CELL_PX
        cell = _DARKEST + _STEP * (code >> 4), _DARKEST + _STEP * (code & 15), 53 * code % 130
        image[y : y + height, left : left + LINE_CELL_PX] = cell


def _read_line(line: Image) -> Reading:
    row = line[line.shape[0] // 2].astype(int)
    columns = np.flatnonzero((row[:, 0] >= _DARKEST) & (row[:, 1] >= _DARKEST) & (row[:, 2] < 140))
    if not len(columns) or tuple(row[columns[0], :2]) != (_DARKEST, _DARKEST):
        return Reading.empty()
    cells = row[columns[0] + LINE_CELL_PX + LINE_CELL_PX // 2 : columns[-1] + 1 : LINE_CELL_PX]
    codes = (cells[(cells[:, :2] >= _DARKEST).all(axis=1), :2] - _DARKEST) // _STEP
    text = "".join(chr(high << 4 | low) for high, low in codes.tolist())
    return Reading(text, (1.0,) * len(text))
