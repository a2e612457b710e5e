"""Images as one source: decoded on demand in the requesting thread, and kept no longer than needed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes.frames import CutFromWhole
from framecloak.domain.anonymization.detection.image_sequence import ImageSequence
from framecloak.domain.errors import FrameAnalysisError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import SourceInfo


@dataclass
class RecordingImage:
    """A source of one frame that records when it is decoded."""

    level: int
    width: int = 64
    height: int = 48
    damaged: bool = False
    actual_width: int | None = None
    decoded_in: list[str] = field(default_factory=list)

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(f"{self.level}.jpg", self.width, self.height, 1, 1, 0.0, 0.0, 0, continuous=False)

    def sha256(self) -> str:
        return f"{self.level:064d}"

    def frames(self, start: int, stop: int) -> Generator[Decoded, None, None]:
        assert (start, stop) == (0, 1)
        if self.damaged:
            raise UnreadableVideoError(f"{self.level}.jpg is damaged", "copy it again")
        self.decoded_in.append(threading.current_thread().name)
        yield Decoded(self.level, self.actual_width or self.width, self.height)


@dataclass(frozen=True)
class Decoded(CutFromWhole):
    level: int
    width: int
    height: int
    index: int = 0
    nbytes: int = 1

    @property
    def display_size(self) -> tuple[int, int]:
        return self.width, self.height

    def bgr(self) -> Image:
        return np.full((self.height, self.width, 3), self.level, np.uint8)

    def rgb(self, width: int, height: int) -> Image:
        return np.full((height, width, 3), self.level, np.uint8)


def test_a_sequence_numbers_its_images_and_keeps_their_sizes() -> None:
    sequence = ImageSequence([RecordingImage(1), RecordingImage(2, 32, 100)])
    assert (sequence.info.frame_count, sequence.info.width, sequence.info.height) == (2, 64, 100)
    assert not sequence.info.continuous
    decoded = list(sequence.frames(0, 2))
    assert [(frame.index, frame.width, frame.height) for frame in decoded] == [(0, 64, 48), (1, 32, 100)]
    assert decoded[1].bgr().shape == (100, 32, 3)
    assert int(decoded[1].bgr().max()) == 2


def test_an_image_is_decoded_by_the_thread_that_requests_its_pixels() -> None:
    image = RecordingImage(1)
    (frame,) = ImageSequence([image]).frames(0, 1)
    assert image.decoded_in == []
    thread = threading.Thread(target=frame.rgb, args=(32, 32), name="worker")
    thread.start()
    thread.join()
    assert image.decoded_in == ["worker"]


def test_pixels_are_kept_until_the_full_size_is_requested() -> None:
    image = RecordingImage(1)
    (frame,) = ImageSequence([image]).frames(0, 1)
    frame.rgb(32, 32)
    frame.rgb(64, 32)
    frame.bgr()
    assert len(image.decoded_in) == 1
    frame.bgr()
    assert len(image.decoded_in) == 2


def test_every_frame_reports_the_memory_of_the_largest() -> None:
    sequence = ImageSequence([RecordingImage(1, 10, 10), RecordingImage(2, 1000, 500)])
    assert [frame.nbytes for frame in sequence.frames(0, 2)] == [1_500_000, 1_500_000]


def test_a_damaged_image_is_a_frame_that_cannot_be_analysed() -> None:
    (frame,) = ImageSequence([RecordingImage(1, damaged=True)]).frames(0, 1)
    with pytest.raises(FrameAnalysisError, match=r"1\.jpg is damaged"):
        frame.rgb(32, 32)
    with pytest.raises(FrameAnalysisError):
        frame.bgr()


def test_an_image_that_changed_since_it_was_opened_is_refused() -> None:
    (frame,) = ImageSequence([RecordingImage(1, actual_width=65)]).frames(0, 1)
    with pytest.raises(FrameAnalysisError, match="changed"):
        frame.bgr()


def test_the_digest_depends_on_the_order() -> None:
    assert (
        ImageSequence([RecordingImage(1), RecordingImage(2)]).sha256()
        != ImageSequence([RecordingImage(2), RecordingImage(1)]).sha256()
    )
