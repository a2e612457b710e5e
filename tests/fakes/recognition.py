"""Fakes of face recognition with predictable images, vectors and emotions."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from fakes.frames import FrameOfPixels
from framecloak.domain.errors import (
    EmotionsUnavailableError,
    FrameAnalysisError,
    ImageTooLargeError,
    InvalidImageError,
)
from framecloak.domain.imaging.detections import FloatArray, Image, ModelCard
from framecloak.domain.model.faces import EmbeddingSpace

SIDE = 32
CELLS = 4
_SHAPE = struct.Struct("<3I")


class FakeFaceRecognizer:
    """Uses the mean colours of a face's 4 x 4 cells as its vector. Thread-safe.

    Args:
        max_batch: maximum number of faces per call.
        broken: fail on every face.
    """

    def __init__(self, max_batch: int = 8, *, broken: bool = False) -> None:
        self.max_batch = max_batch
        self.broken = broken
        self.calls: list[int] = []
        self.card = ModelCard("fake", "1" * 64, "none", "CPU", "fp32")
        self.space = EmbeddingSpace("fake", "1" * 64, CELLS * CELLS * 3)

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        chips = np.zeros((len(landmarks), SIDE, SIDE, 3), np.uint8)
        for chip, points in zip(chips, landmarks, strict=True):
            x1, y1 = np.maximum(points.min(axis=0), 0).astype(int)
            x2, y2 = np.ceil(points.max(axis=0)).astype(int) + 1
            chip[:] = cv2.resize(image[y1:y2, x1:x2], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return chips

    def embed(self, chips: Image) -> FloatArray:
        if chips.shape[1:] != (SIDE, SIDE, 3) or chips.dtype != np.uint8:
            raise ValueError("faces of another shape")
        if len(chips) > self.max_batch:
            raise ValueError("too many faces")
        if not len(chips):
            return np.empty((0, self.space.dimension), np.float32)
        self.calls.append(len(chips))
        if self.broken:
            raise FrameAnalysisError("the fake recogniser is broken")
        cells = chips.reshape(len(chips), CELLS, SIDE // CELLS, CELLS, SIDE // CELLS, 3).mean(axis=(2, 4))
        vectors = cells.reshape(len(chips), -1) + 1
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class CannedEmotionReader:
    """Returns ``happy`` for every face.

    Args:
        answer: rows to return instead.
        unavailable: fail every call.
    """

    emotions = ("happy", "sad")

    def __init__(self, answer: FloatArray | None = None, *, unavailable: bool = False) -> None:
        self.answer = answer
        self.unavailable = unavailable
        self.crops: list[tuple[int, ...]] = []

    async def read(self, crops: list[Image]) -> FloatArray:
        self.crops += [crop.shape for crop in crops]
        if self.unavailable:
            raise EmotionsUnavailableError("nobody is there")
        return np.tile(np.float32([0.75, 0.25]), (len(crops), 1)) if self.answer is None else self.answer

    async def is_available(self) -> bool:
        return not self.unavailable


@dataclass(frozen=True)
class FakeImageFrame(FrameOfPixels):
    """A frame whose pixels are in memory."""

    image: Image
    index: int = 0

    def bgr(self) -> Image:
        return self.image[:, :, ::-1].copy()

    def rgb(self, width: int, height: int) -> Image:
        if (width, height) == (self.width, self.height):
            return self.image
        return np.asarray(cv2.resize(self.image, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


class FakeImageReader:
    """Reads what ``image_bytes`` wrote."""

    def read(self, data: bytes) -> FakeImageFrame:
        if data == b"large":
            raise ImageTooLargeError("the picture is too large")
        try:
            shape = _SHAPE.unpack_from(data)
            return FakeImageFrame(np.frombuffer(data, np.uint8, offset=_SHAPE.size).reshape(shape))
        except (struct.error, ValueError) as error:
            raise InvalidImageError("the bytes are not a picture") from error


def image_bytes(image: Image) -> bytes:
    """Return a file for ``FakeImageReader``.

    Not NumPy's own format: its header is parsed as Python source, and CPython
    before 3.11.8 sometimes fails when two threads parse at the same time.
    """
    return _SHAPE.pack(*image.shape) + image.tobytes()
