"""Hand-written stand-ins for the media ports: frames from arrays, an archive in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from domain.detection import Image
from domain.errors import (
    DomainError,
    ExaminationError,
    FrameNotFoundError,
    InvalidSegmentError,
    ObjectNotFoundError,
    TruncatedVideoError,
    UnreadableVideoError,
)
from domain.ports import Frame, Sound, SourceInfo
from domain.ports.services import ProbedVideo
from domain.timing import Timing
from fakes.results import steady


class FakeFrame:
    """A frame made of an array; a damaged one has a size but gives no pixels."""

    def __init__(self, index: int, picture: Image, *, damaged: bool = False) -> None:
        self.index = index
        self.height, self.width = picture.shape[:2]
        self.nbytes = picture.nbytes
        self._picture = picture
        self._damaged = damaged

    def bgr(self) -> Image:
        self._check()
        return self._picture.copy()

    def rgb(self, width: int, height: int) -> Image:
        self._check()
        stretched = cv2.resize(self._picture, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(stretched[:, :, ::-1], np.uint8)

    def _check(self) -> None:
        if self._damaged:
            raise ExaminationError(f"frame {self.index} is damaged")


class FakeFrameSource:
    """A source made of arrays.

    Args:
        pictures: (h, w, 3) BGR each, all of one size.
        damaged: numbers of frames whose pixels are lost.
        readable: frames that the file holds, when that is fewer than it promises.
    """

    def __init__(
        self,
        pictures: Sequence[Image],
        *,
        name: str = "fake.mp4",
        damaged: Collection[int] = (),
        readable: int | None = None,
        continuous: bool = True,
        frame_rate: float = 25.0,
    ) -> None:
        self._pictures = pictures
        self._damaged = damaged
        self._readable = len(pictures) if readable is None else readable
        height, width = pictures[0].shape[:2]
        rate = frame_rate if continuous else 0.0
        self.info = SourceInfo(
            name=name,
            width=width,
            height=height,
            frame_count=len(pictures),
            readable_frames=self._readable,
            frame_rate=rate,
            duration=len(pictures) / rate if rate else 0.0,
            rotation=0,
            continuous=continuous,
        )
        self.sound: Sound | None = None
        self.delivered: list[int] = []
        self.closed = 0

    def timing(self, start: int, stop: int) -> Timing:
        return steady(start, stop)

    def sha256(self) -> str:
        return hashlib.sha256(b"".join(picture.tobytes() for picture in self._pictures)).hexdigest()

    def frames(self, start: int, stop: int) -> Generator[Frame, None, None]:
        if not 0 <= start <= stop <= len(self._pictures):
            raise InvalidSegmentError(f"frames {start}:{stop} lie outside {self.info.name}")
        if stop > self._readable:
            hint = f"--segments 0:{self._readable}"
            raise TruncatedVideoError(f"{self._readable} frames can be read", hint)
        return self._deliver(start, stop)

    def _deliver(self, start: int, stop: int) -> Generator[Frame, None, None]:
        try:
            for index in range(start, stop):
                self.delivered.append(index)
                yield FakeFrame(index, self._pictures[index], damaged=index in self._damaged)
        finally:
            self.closed += 1


class FakeArchive:
    """An archive in memory.

    Args:
        fails_at: how many entries fit; adding one more raises ``error``.
        error: what it raises then.
    """

    def __init__(self, fails_at: int | None = None, error: DomainError | None = None) -> None:
        self.entries: dict[str, bytes] = {}
        self.committed = False
        self.discarded = False
        self._fails_at = fails_at
        self._error = error

    def add(self, name: str, data: bytes) -> None:
        if name in self.entries:
            raise ValueError(f"the archive already holds {name}")
        if self._error is not None and len(self.entries) == self._fails_at:
            raise self._error
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
            self.discarded = True


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
