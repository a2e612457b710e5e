"""Hand-written stand-ins for the media ports: films from arrays, an archive in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from fakes.results import steady
from framecloak.domain.anonymization.model.options import Appearance, RedactionShape, RedactionStyle
from framecloak.domain.errors import (
    DomainError,
    FrameNotFoundError,
    InvalidSegmentError,
    ObjectNotFoundError,
    StorageFullError,
    UnreadableVideoError,
)
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.imaging.timing import Timing
from framecloak.domain.ports.archives import ForeignContent
from framecloak.domain.ports.frames import Frame, Sound, SourceInfo
from framecloak.domain.ports.video import ProbedVideo

FILM_SHA256 = "5" * 64
"""Of the file that a fake film would have been read from."""


def a_face(_: int) -> Image:
    """A grey picture (64, 64, 3) BGR with a face for ``FakeFaceDetector`` in it."""
    picture = np.full((64, 64, 3), 128, np.uint8)
    picture[16:32, 16:32] = (255, 0, 255)
    return picture


class FakeFrame:
    """A frame made of an array."""

    def __init__(self, index: int, picture: Image) -> None:
        self.index = index
        self.height, self.width = picture.shape[:2]
        self.nbytes = picture.nbytes
        self._picture = picture

    def bgr(self) -> Image:
        return self._picture.copy()

    def rgb(self, width: int, height: int) -> Image:
        stretched = cv2.resize(self._picture, (width, height), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(stretched[:, :, ::-1], np.uint8)


@dataclass
class FakeSource:
    """A film at 25 frames a second, or a picture when it has one frame.

    Attributes:
        paint: the picture (h, w, 3) BGR of a frame by its number; all of one size.
        closed: how often somebody was done with its frames.
    """

    name: str
    count: int = 1
    paint: Callable[[int], Image] = a_face
    closed: int = 0
    sound: Sound | None = None

    @property
    def info(self) -> SourceInfo:
        height, width = self.paint(0).shape[:2]
        film = self.count > 1
        return SourceInfo(
            self.name, width, height, self.count, self.count, 25.0 * film, self.count / 25 * film, 0, film
        )

    def timing(self, start: int, stop: int) -> Timing:
        return steady(start, stop)

    def sha256(self) -> str:
        return FILM_SHA256

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if not 0 <= start <= stop <= self.count:
            raise InvalidSegmentError(f"frames {start}:{stop} lie outside {self.name}")
        return self._deliver(start, stop)

    def _deliver(self, start: int, stop: int) -> Generator[Frame, None, None]:
        try:
            for index in range(start, stop):
                yield FakeFrame(index, self.paint(index))
        finally:
            self.closed += 1


class FakeRedactor:
    """Blackens boxes."""

    def redact(self, image: Image, boxes: FloatArray, style: RedactionStyle, shape: RedactionShape) -> None:
        for x1, y1, x2, y2 in boxes.astype(int):
            image[y1:y2, x1:x2] = 0


class FakeEncoder:
    """Writes pixels as they are."""

    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return image.tobytes()


@dataclass
class FakeArchive:
    """Keeps entries in memory; the disk is full after so many, and what is strange about it is given."""

    room: int = 1_000_000
    entries: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False
    strange: list[ForeignContent] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> None:
        if name in self.entries:
            raise ValueError(f"the archive already holds {name}")
        if len(self.entries) == self.room:
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
        return self.strange

    def commit(self) -> None:
        self.committed = True

    def discard(self) -> None:
        if not self.committed:
            self.entries.clear()


FILM = ProbedVideo(
    width=640, height=360, frame_rate=25.0, frame_count=100, duration=4.0, rotation=0, frame_index=b"index"
)
NOT_A_VIDEO = b"not a video"


@dataclass
class FakeVideoProber:
    """Finds the same video in every file, except in empty ones and those that say ``not a video``.

    Attributes:
        video: what it finds.
        error: raised by every probe when set.
        probed: how many files it looked at.
    """

    video: ProbedVideo = FILM
    error: DomainError | None = None
    probed: int = 0

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
        return b"\xff\xd8%d@%d\xff\xd9" % (index, width or self.video.width)
