"""Names that can still be read in redacted frames are covered, or the frame is black."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.media import FakeRedactor
from fakes.results import EncodedFrame
from fakes.vision import FakeBoxDetector, FakeTextReader, paint_line
from framecloak.domain.anonymization.model.frames import BlankReason, RedactedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.residuals.readable_names import NameGuard, NameSearch
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image, TargetKind
from framecloak.domain.ports.frames import Frame

WIDTH, HEIGHT = 256, 128


class RawEncoder:
    def encode(self, image: Image, appearance: Appearance) -> bytes:
        return image.tobytes()


class RawReader:
    def read(self, data: bytes, index: int) -> Frame:
        if len(data) != WIDTH * HEIGHT * 3:
            raise FrameAnalysisError("no image")
        return EncodedFrame(index, np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH, 3))


class IdleRedactor(FakeRedactor):
    """Leaves everything as it is."""

    def redact(self, *_: object) -> None:
        return


def guard(redactor: FakeRedactor | None = None, reader: FakeTextReader | None = None) -> NameGuard:
    search = NameSearch.of(NameIndex(["Berger"]), FakeBoxDetector(), reader or FakeTextReader())
    size = WIDTH, HEIGHT
    return NameGuard(search, RawReader(), redactor or FakeRedactor(), RawEncoder(), Appearance(), size)


def frame(*lines: str) -> RedactedFrame:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for row, text in enumerate(lines):
        paint_line(image, (16, 16 + 56 * row), text, height=32)
    return RedactedFrame(3, image[..., ::-1].tobytes(), (), blanked=False)


def test_a_frame_without_names_is_delivered_as_it_is() -> None:
    clean = frame("Depth 12.5 cm", "Gain 55 dB")
    assert guard().check(clean) is clean


def test_a_readable_name_is_covered_and_nothing_else() -> None:
    before = frame("Depth 12.5 cm", "Berger, Anna.")
    after = guard().check(before)
    (box,) = after.boxes
    assert (box.origin, box.kind, after.blanked) == (Origin.RESIDUAL, TargetKind.TEXT, False)
    assert not len(guard().search.boxes(RawReader().read(after.data, 3)))
    assert np.array_equal(
        np.frombuffer(after.data, np.uint8).reshape(HEIGHT, WIDTH, 3)[:56],
        np.frombuffer(before.data, np.uint8).reshape(HEIGHT, WIDTH, 3)[:56],
    )


def test_a_name_that_stays_readable_makes_its_frame_black() -> None:
    after = guard(IdleRedactor()).check(frame("Berger, Anna."))
    assert (after.blanked, after.blank_reason, after.boxes) == (True, BlankReason.NAME_READABLE, ())
    assert not any(after.data)


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_frame_that_cannot_be_read_again_is_black(is_broken: bool) -> None:
    searched = frame("Depth 12.5 cm") if is_broken else RedactedFrame(3, b"?", (), blanked=False)
    after = guard(reader=FakeTextReader(broken=is_broken)).check(searched)
    assert (after.blanked, after.blank_reason) == (True, BlankReason.NOT_SEARCHED)


def test_a_black_frame_is_not_searched() -> None:
    black = RedactedFrame(3, b"?", (), blanked=True)
    assert guard().check(black) is black
