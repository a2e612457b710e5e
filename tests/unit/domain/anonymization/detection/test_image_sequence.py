"""Pictures as one source: decoded when and where they are asked for, and kept no longer than needed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import pytest

from framecloak.domain.anonymization.detection.image_sequence import ImageSequence
from framecloak.domain.errors import FrameAnalysisError, UnreadableVideoError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.frames import SourceInfo


@dataclass
class Picture:
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
class Decoded:
    level: int
    width: int
    height: int
    index: int = 0
    nbytes: int = 1

    def bgr(self) -> Image:
        return np.full((self.height, self.width, 3), self.level, np.uint8)

    def rgb(self, width: int, height: int) -> Image:
        return np.full((height, width, 3), self.level, np.uint8)


def test_it_numbers_its_pictures_and_keeps_their_sizes() -> None:
    album = ImageSequence([Picture(1), Picture(2, 32, 100)])
    assert (album.info.frame_count, album.info.width, album.info.height) == (2, 64, 100)
    assert not album.info.continuous
    pages = list(album.frames(0, 2))
    assert [(page.index, page.width, page.height) for page in pages] == [(0, 64, 48), (1, 32, 100)]
    assert pages[1].bgr().shape == (100, 32, 3)
    assert int(pages[1].bgr().max()) == 2


def test_a_picture_is_decoded_by_the_thread_that_asks_for_its_pixels() -> None:
    picture = Picture(1)
    (page,) = ImageSequence([picture]).frames(0, 1)
    assert picture.decoded_in == []
    asking = threading.Thread(target=page.rgb, args=(32, 32), name="worker")
    asking.start()
    asking.join()
    assert picture.decoded_in == ["worker"]


def test_pixels_are_kept_until_the_full_size_was_asked_for() -> None:
    picture = Picture(1)
    (page,) = ImageSequence([picture]).frames(0, 1)
    page.rgb(32, 32)
    page.rgb(64, 32)
    page.bgr()
    assert len(picture.decoded_in) == 1
    page.bgr()
    assert len(picture.decoded_in) == 2


def test_every_page_states_the_memory_of_the_largest() -> None:
    album = ImageSequence([Picture(1, 10, 10), Picture(2, 1000, 500)])
    assert [page.nbytes for page in album.frames(0, 2)] == [1_500_000, 1_500_000]


def test_a_damaged_picture_is_a_frame_that_cannot_be_examined() -> None:
    (page,) = ImageSequence([Picture(1, damaged=True)]).frames(0, 1)
    with pytest.raises(FrameAnalysisError, match=r"1\.jpg is damaged"):
        page.rgb(32, 32)
    with pytest.raises(FrameAnalysisError):
        page.bgr()


def test_a_picture_that_changed_since_it_was_opened_is_not_trusted() -> None:
    (page,) = ImageSequence([Picture(1, actual_width=65)]).frames(0, 1)
    with pytest.raises(FrameAnalysisError, match="changed"):
        page.bgr()


def test_its_digest_depends_on_the_order() -> None:
    assert (
        ImageSequence([Picture(1), Picture(2)]).sha256() != ImageSequence([Picture(2), Picture(1)]).sha256()
    )
