"""A video whose frames have their number in their pixels, and detectors that follow a script."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fakes.frames import CutFromWhole
from fakes.results import EncodedFrame
from fakes.vision import LANDMARKS
from framecloak.domain.anonymization.detection.second_opinion import (
    CROP_SIDE_PX,
    FACE_SIDES_PX,
    REFUTING_SCORE,
)
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.anonymization.pipeline.config import ResidualTools
from framecloak.domain.errors import FrameAnalysisError, TruncatedVideoError
from framecloak.domain.imaging.detections import BoxDetections, Detections, FloatArray, Image, ModelCard
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo
from framecloak.domain.reid.reference_people import ReferenceEmbeddings

WIDTH, HEIGHT = 320, 192
BLUE = 2
"""Channel of RGB images that tells where a pixel lies: half its x in even rows, and its y in odd ones."""

RED_OF_BGR = 2
"""Channel of BGR images that holds the frame's number."""

WINDOW = 24
"""Side in pixels of the part of an image by which it is located in the frame."""

_Y, _X = np.mgrid[:HEIGHT, :WIDTH]
POSITIONS = np.where(_Y % 2, _Y, _X // 2).astype(np.uint8)
"""Blue channel (height, width) of every frame."""

Script = dict[int, list[tuple[float, float, float, float]]]
"""Per frame: centre x, centre y, size, score."""


@dataclass(frozen=True)
class ScriptedFrame(CutFromWhole):
    """Carries its number in red and green, and the position of each pixel in blue."""

    index: int
    lost: bool = False
    width: int = WIDTH
    height: int = HEIGHT
    nbytes: int = WIDTH * HEIGHT * 3
    writing: tuple[tuple[float, ...], ...] = ()

    @property
    def display_size(self) -> tuple[int, int]:
        return self.width, self.height

    def bgr(self) -> Image:
        if self.lost:
            raise FrameAnalysisError(f"frame {self.index} was not decoded")
        picture = np.full((HEIGHT, WIDTH, 3), self.index, np.uint8)
        picture[..., 2 - BLUE] = POSITIONS
        for row, (x1, y1, x2, y2, *_) in enumerate(self.writing):
            letters = np.random.default_rng(row).integers(0, 256, (round(y2 - y1), round(x2 - x1), 1))
            place = picture[round(y1) : round(y1) + len(letters), round(x1) : round(x1) + letters.shape[1]]
            place[...] = letters[: place.shape[0], : place.shape[1]]
        return picture

    def rgb(self, width: int, height: int) -> Image:
        if (width, height) == (WIDTH, HEIGHT):
            return self.bgr()[:, :, ::-1]
        rows, columns = np.arange(height) * HEIGHT // height, np.arange(width) * WIDTH // width
        return self.bgr()[rows][:, columns, ::-1]


def located(image: Image) -> tuple[int, int, int] | None:
    """Return left, top and zoom, 1 or 2, of a part of a frame that the detector reads.

    Left and top are in pixels of the enlarged frame. Returns None if the image is turned.
    """
    for row in (0, image.shape[0] - 2 * WINDOW):
        for column in (0, image.shape[1] - 2 * WINDOW):
            blue = image[row : row + 2 * WINDOW, column : column + 2 * WINDOW, BLUE].astype(int)
            if corner := _corner(blue):
                return corner[0] - column, corner[1] - row, 1
            odd, even = _corner(blue[1::2, 1::2]), _corner(blue[::2, ::2])
            if odd and even:
                return odd[0] + even[0] - column, odd[1] + even[1] - row, 2
    return None


def _corner(blue: NDArray[np.intp]) -> tuple[int, int] | None:
    """Return left and top of a part of a frame at its own size; None if it is anything else."""
    for offset in range(2):
        left, top = 2 * blue[offset, 0] + (blue[offset, 0] != blue[offset, 1]), blue[1 - offset, 0]
        top -= 1 - offset
        if np.array_equal(blue, POSITIONS[top : top + blue.shape[0], left : left + blue.shape[1]]):
            return int(left), int(top)
    return None


@dataclass
class ScriptedSource:
    count: int
    lost: frozenset[int] = frozenset()
    ends_at: int | None = None
    cut_off_at: int | None = None
    writing: Mapping[int, Sequence[tuple[float, ...]]] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0

    sound: Sound | None = None

    def timing(self, start: int, stop: int) -> Timing:
        return Timing.constant_rate(Fraction(25), start, stop)

    @property
    def readable(self) -> int:
        return self.count if self.cut_off_at is None else self.cut_off_at

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(
            "script.mp4", WIDTH, HEIGHT, self.count, self.readable, 25.0, self.count / 25, 0, True
        )

    def sha256(self) -> str:
        return "0" * 64

    def frames(self, start: int, stop: int) -> Generator[ScriptedFrame, None, None]:
        if stop > self.readable:
            raise TruncatedVideoError(f"the file holds {self.readable} frames")
        self.opened += 1
        try:
            for index in range(start, stop):
                if index == self.ends_at:
                    raise TruncatedVideoError(f"the video ends at frame {index}")
                writing = tuple(self.writing.get(index, ()))
                yield ScriptedFrame(index, lost=index in self.lost, writing=writing)
        finally:
            self.closed += 1


@dataclass
class ScriptedDetector:
    """Detects what the script says in upright frames and parts of them, and nothing in turned ones.

    In the crops of a second opinion it sees a face of the score ``opinion``, which by default neither
    confirms nor refutes a detection.
    """

    script: Script
    broken_at: frozenset[int] = frozenset()
    crash_at: int | None = None
    max_batch: int = 1
    stride: int = 64
    batches: list[int] = field(default_factory=list)
    opinion: float = REFUTING_SCORE + 0.004
    card: ModelCard = field(default_factory=lambda: ModelCard("script", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        if images[0].shape[:2] == (CROP_SIDE_PX, CROP_SIDE_PX):
            return [self._detect_in_crop(image) for image in images]
        self.batches.append(len(images))
        return [self._detect(image, threshold) for image in images]

    def _detect_in_crop(self, image: Image) -> Detections:
        low, high = (CROP_SIDE_PX + np.array([-1, 1]) * min(FACE_SIDES_PX)) / 2
        box = np.array([[low, low, high, high]], np.float32)
        return Detections(
            box,
            np.array([self.opinion], np.float32),
            (box[:, None, :2] + (high - low) * LANDMARKS).astype(np.float32),
        )

    def _detect(self, image: Image, threshold: float) -> Detections:
        index = int(image[0, 0, 0])
        if index in self.broken_at:
            raise FrameAnalysisError("not a number")
        if index == self.crash_at:
            raise ZeroDivisionError
        place = located(image)
        if place is None:
            return Detections.empty()
        left, top, zoom = place
        rows = [row for row in self.script.get(index, []) if row[3] >= threshold]
        table = np.array(rows, np.float32).reshape(-1, 4)
        half = table[:, 2:3] / 2
        boxes = np.hstack([table[:, :2] - half, table[:, :2] + half]) * zoom - [left, top, left, top]
        shown = ((boxes[:, 2:] > 0) & (boxes[:, :2] < image.shape[1::-1])).all(axis=1)
        boxes, scores = boxes[shown].astype(np.float32), table[shown, 3]
        corners, extents = boxes[:, np.newaxis, :2], boxes[:, np.newaxis, 2:] - boxes[:, np.newaxis, :2]
        return Detections(boxes, scores, (corners + extents * LANDMARKS).astype(np.float32))


@dataclass
class ScriptedRecognizer:
    """Recognises faces by frame and position, with a given similarity to `PERSON`.

    Attributes:
        similarity: returns the similarity for a frame number and a face's horizontal position.
        broken_at: frames whose faces it fails on.
        calls: frames and positions of the faces of each call.
    """

    similarity: Callable[[int, float], float]
    broken_at: frozenset[int] = frozenset()
    max_batch: int = 8
    calls: list[list[tuple[int, int]]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("known", "2" * 64, "none", "CPU", "fp32"))
    space: EmbeddingSpace = field(default_factory=lambda: EmbeddingSpace("known", "2" * 64, 2))

    def align(self, image: Image, landmarks: FloatArray) -> Image:
        chips = np.random.default_rng(0).integers(0, 256, (len(landmarks), 32, 32, 3)).astype(np.uint8)
        chips[:, 0, 0, 0] = image[0, 0, 0]
        chips[:, 0, 0, 1] = landmarks[:, :, 0].mean(axis=1) // 2
        return chips

    def embed(self, chips: Image) -> FloatArray:
        faces = [(int(chip[0, 0, 0]), 2 * int(chip[0, 0, 1])) for chip in chips]
        self.calls.append(faces)
        if any(frame in self.broken_at for frame, _ in faces):
            raise FrameAnalysisError("not a number")
        cosines = np.array([self.similarity(*face) for face in faces])
        return np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)


PERSON = ReferenceEmbeddings(np.array([[1, 0]], np.float32))


@dataclass
class ScriptedBoxDetector:
    """Detects text or plates: per frame x1, y1, x2, y2 and score.

    Attributes:
        frame_numbers: numbers of the frames it was called with.
    """

    script: dict[int, list[tuple[float, float, float, float, float]]]
    broken_at: frozenset[int] = frozenset()
    stride: int = 32
    frame_numbers: list[int] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("areas", "1" * 64, "none", "CPU", "fp32"))

    def detect(self, image: Image, threshold: float) -> BoxDetections:
        index = int(image[0, 0, 0])
        self.frame_numbers.append(index)
        if index in self.broken_at:
            raise FrameAnalysisError("not a number")
        rows = [row for row in self.script.get(index, []) if row[4] >= threshold]
        table = np.array(rows, np.float32).reshape(-1, 5)
        return BoxDetections(table[:, :4] * (image.shape[1] / WIDTH), table[:, 4])


class BlackBoxRedactor:
    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        for x1, y1, x2, y2 in boxes.astype(int):
            image[y1:y2, x1:x2] = 0


class RawEncoder:
    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return image.tobytes()


class RawReader:
    """Decodes the output of ``RawEncoder``; bytes of another length are invalid."""

    def read(self, data: bytes, index: int) -> Frame:
        if len(data) != WIDTH * HEIGHT * 3:
            raise FrameAnalysisError("no picture")
        return EncodedFrame(index, np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3))


class FakeThumbnailMaker:
    """Encodes only the shape and the centre pixel of an image as its thumbnail."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        middle = image[image.shape[0] // 2, image.shape[1] // 2]
        return bytes([image.shape[0], image.shape[1], *middle.tolist()])


RESIDUAL_TOOLS = ResidualTools(RawReader(), FakeThumbnailMaker(), None)


@dataclass
class ScriptedResidualDetector(ScriptedDetector):
    """Detects what the script says in source frames, and residual faces in redacted ones.

    In redacted frames, a block of 32 x 32 pixels at one of the positions ``residual_at`` counts as a face
    when it is not black and the frame is in ``residual_in``.

    Attributes:
        residual_in: numbers of the frames with residual faces.
        weak_in: numbers of the frames in which the faces have a low score.
        residual_at: x and y of the blocks' upper left corners.
        unsearchable_in: numbers of frames that cannot be searched.
    """

    residual_in: frozenset[int] = frozenset()
    weak_in: frozenset[int] = frozenset()
    residual_at: tuple[tuple[int, int], ...] = ((200, 130),)
    unsearchable_in: frozenset[int] = frozenset()

    def _detect(self, image: Image, threshold: float) -> Detections:
        corner = image[-1, -1]
        if image[0, 0].any() and corner.any():
            return super()._detect(image, threshold)
        if image.shape[:2] != (HEIGHT, WIDTH) or image[0, 0].any():
            # A redacted frame whose black corner is not the first one is turned.
            return Detections.empty()
        if int(corner[0]) in self.unsearchable_in:
            raise FrameAnalysisError("not a number")
        scores = dict.fromkeys(self.weak_in, 0.25) | dict.fromkeys(self.residual_in, 0.9)
        found = [
            ((x, y, x + 32, y + 32), scores[index])
            for x, y in self.residual_at
            if scores.get(index := int(image[y + 16, x + 16, 0]), 0) >= threshold
        ]
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
        return Detections(
            boxes,
            np.array([score for _, score in found], np.float32),
            np.zeros((len(boxes), 5, 2), np.float32),
        )


def walking_face(frames: range, *, missing: frozenset[int] = frozenset()) -> Script:
    return {t: [(40.0 + 2 * t, 90.0, 30.0, 0.9)] for t in frames if t not in missing}
