"""Stand-ins for the domain's ports, small enough to be read at a glance."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from domain.anonymization.request import Appearance, RedactionShape, RedactionStyle
from domain.detection import FloatArray, Image
from domain.errors import ObjectNotFoundError, StorageFullError
from domain.ports import Sound, SourceInfo
from domain.timing import Timing
from fakes.results import steady


@dataclass(frozen=True)
class FakeFrame:
    """A frame of one level of grey, with a face for ``FakeFaceDetector`` in its middle."""

    index: int
    width: int = 64
    height: int = 64
    nbytes: int = 64 * 64 * 3

    def bgr(self) -> Image:
        return self.rgb(self.width, self.height)

    def rgb(self, width: int, height: int) -> Image:
        picture = np.full((height, width, 3), 128, np.uint8)
        picture[height // 4 : height // 2, width // 4 : width // 2] = (255, 0, 255)
        return picture


@dataclass
class FakeSource:
    """A film, or a picture when it has one frame."""

    name: str
    count: int = 1
    closed: int = 0
    sound: Sound | None = None

    @property
    def info(self) -> SourceInfo:
        film = self.count > 1
        return SourceInfo(
            self.name, 64, 64, self.count, self.count, 25.0 * film, self.count / 25 * film, 0, film
        )

    def timing(self, start: int, stop: int) -> Timing:
        return steady(start, stop)

    def sha256(self) -> str:
        return "5" * 64

    def frames(self, start: int, stop: int) -> Generator[FakeFrame, None, None]:
        try:
            for index in range(start, stop):
                yield FakeFrame(index)
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
    """Keeps entries in memory; the disk is full after so many."""

    room: int = 1_000_000
    entries: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False

    def add(self, name: str, data: bytes) -> None:
        if len(self.entries) == self.room:
            raise StorageFullError("no space left")
        self.entries[name] = data

    def add_stream(self, name: str, pieces: Iterable[bytes]) -> None:
        self.add(name, b"".join(pieces))

    @property
    def names(self) -> list[str]:
        return list(self.entries)

    def read(self, name: str) -> bytes:
        if name not in self.entries:
            raise ObjectNotFoundError(f"{name} is gone or damaged")
        return self.entries[name]

    def stream(self, name: str) -> Iterator[bytes]:
        yield self.read(name)

    def commit(self) -> None:
        self.committed = True

    def discard(self) -> None:
        if not self.committed:
            self.entries.clear()
