"""Hand-written fakes of the media ports: videos from arrays, an archive in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fakes.frames import CutFromWhole
from fakes.results import constant_rate
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.errors import (
    DomainError,
    FrameDamagedError,
    FrameNotFoundError,
    InvalidSegmentError,
    ObjectNotFoundError,
    StorageFullError,
    UnreadableVideoError,
)
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.imaging.pixel_aspect import SQUARE, AspectOrigin, display_size
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.archives import ForeignContent
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo
from framecloak.domain.ports.video import ProbedVideo

VIDEO_SHA256 = "5" * 64
"""Hash of the file of every fake video."""


def face_image(_: int) -> Image:
    """Return a grey image (64, 64, 3) BGR with a face for ``FakeFaceDetector``."""
    image = np.full((64, 64, 3), 128, np.uint8)
    image[16:32, 16:32] = (255, 0, 255)
    return image


class FakeFrame(CutFromWhole):
    """A frame made of an array."""

    def __init__(self, index: int, image: Image, pixel_aspect: Fraction = SQUARE) -> None:
        self.index = index
        self.height, self.width = image.shape[:2]
        self.display_size = display_size((self.width, self.height), pixel_aspect)
        self.nbytes = image.nbytes
        self._image = image

    def bgr(self) -> Image:
        return self._image.copy()

    def rgb(self, width: int, height: int) -> Image:
        stretched = cv2.resize(self._image, (width, height), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(stretched[:, :, ::-1], np.uint8)


@dataclass
class FakeSource:
    """A video at 25 frames a second, or a still image when it has one frame.

    Attributes:
        paint: returns a frame (h, w, 3) BGR by its number; all of one size.
        closed: how often an iteration over its frames was closed.
        pixel_aspect: declared width to height of a pixel.
    """

    name: str
    count: int = 1
    paint: Callable[[int], Image] = face_image
    closed: int = 0
    sound: Sound | None = None
    pixel_aspect: Fraction = SQUARE

    @property
    def info(self) -> SourceInfo:
        height, width = self.paint(0).shape[:2]
        film = self.count > 1
        return SourceInfo(
            name=self.name,
            width=width,
            height=height,
            frame_count=self.count,
            readable_frames=self.count,
            frame_rate=25.0 * film,
            duration=self.count / 25 * film,
            rotation=0,
            continuous=film,
            pixel_aspect=self.pixel_aspect,
            aspect_origin=AspectOrigin.SQUARE if self.pixel_aspect == 1 else AspectOrigin.DECLARED,
        )

    def timing(self, start: int, stop: int) -> Timing:
        return constant_rate(start, stop)

    def sha256(self) -> str:
        return VIDEO_SHA256

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if not 0 <= start <= stop <= self.count:
            raise InvalidSegmentError(f"frames {start}:{stop} lie outside {self.name}")
        return self._deliver(start, stop)

    def _deliver(self, start: int, stop: int) -> Generator[Frame, None, None]:
        try:
            for index in range(start, stop):
                yield FakeFrame(index, self.paint(index), self.pixel_aspect)
        finally:
            self.closed += 1


class FakeRedactor:
    """Fills boxes with black."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        for x1, y1, x2, y2 in boxes.astype(int):
            image[y1:y2, x1:x2] = 0


class FakeEncoder:
    """Encodes pixels as they are."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return image.tobytes()


class FakeSampler:
    """Samples the nearest pixels; where the map shrinks, the mean of so many that every pixel counts."""

    def sample(self, image: Image, matrix: NDArray[np.float64], width: int, height: int) -> Image:
        steps = np.hypot(*matrix[:, :2])
        across, down = (max(1, math.ceil(step - 1e-6)) for step in steps)
        x = (np.arange(width * across) + 0.5) / across
        y = (np.arange(height * down) + 0.5) / down
        columns, rows = (
            _mirrored(np.floor(a * x + b * y[:, None] + c + 1e-9).astype(int), side)
            for (a, b, c), side in zip(matrix, image.shape[1::-1], strict=True)
        )
        cells = image[rows, columns].reshape(height, down, width, across, 3)
        return np.ascontiguousarray(np.rint(cells.mean(axis=(1, 3))).astype(np.uint8))


def _mirrored(positions: NDArray[np.intp], side: int) -> NDArray[np.intp]:
    """Return positions inside ``[0, side)``; those beyond a border are mirrored at it."""
    folded = positions % (2 * side)
    return np.minimum(folded, 2 * side - 1 - folded)


@dataclass
class FakeArchive:
    """Keeps entries in memory, at most ``max_entries``; its foreign content can be set."""

    max_entries: int = 1_000_000
    entries: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False
    foreign: list[ForeignContent] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> None:
        if name in self.entries:
            raise ValueError(f"the archive already holds {name}")
        if len(self.entries) == self.max_entries:
            raise StorageFullError("no space left")
        self.entries[name] = data

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        self.add(name, b"".join(chunks))

    @property
    def names(self) -> list[str]:
        return list(self.entries)

    def read(self, name: str) -> bytes:
        if name not in self.entries:
            raise ObjectNotFoundError(f"{name} is gone or damaged")
        return self.entries[name]

    def stream(self, name: str) -> Iterator[bytes]:
        yield self.read(name)

    def foreign_content(self) -> list[ForeignContent]:
        return self.foreign

    def commit(self) -> None:
        self.committed = True

    def discard(self) -> None:
        if not self.committed:
            self.entries.clear()


PROBED_VIDEO = ProbedVideo(
    width=640, height=360, frame_rate=25.0, frame_count=100, duration=4.0, rotation=0, frame_index=b"index"
)
NOT_A_VIDEO = b"not a video"


@dataclass
class FakeVideoProber:
    """Reports the same video for every file, except for empty ones and those that contain ``not a video``.

    Attributes:
        video: the reported video.
        error: raised by every probe when set.
        probed: number of probed files.
        damaged: frames that cannot be shown.
        filmstrips: number of filmstrips that were made.
    """

    video: ProbedVideo = PROBED_VIDEO
    error: DomainError | None = None
    probed: int = 0
    damaged: frozenset[int] = frozenset()
    filmstrips: int = 0

    def frame_memory(self, width: int, height: int) -> int:
        return width * height

    def probe(self, path: Path) -> ProbedVideo:
        self.probed += 1
        if self.error:
            raise self.error
        if path.read_bytes() in {b"", NOT_A_VIDEO}:
            raise UnreadableVideoError("that is not a video", "choose another file")
        return self.video

    def frame_jpeg(self, path: Path, index: int, width: int | None) -> bytes:
        if not 0 <= index < self.video.frame_count:
            raise FrameNotFoundError(f"the video has no frame {index}")
        if index in self.damaged:
            raise FrameDamagedError(f"frame {index} is damaged")
        return b"\xff\xd8%d@%d\xff\xd9" % (index, width or self.video.width)

    def filmstrip_jpeg(
        self, path: Path, frames: Sequence[int], keyframes: Sequence[int], height: int
    ) -> bytes:
        self.filmstrips += 1
        for index in frames:
            if not 0 <= index < self.video.frame_count:
                raise FrameNotFoundError(f"the video has no frame {index}")
        return b"\xff\xd8%s@%d\xff\xd9" % (",".join(map(str, frames)).encode(), height)
