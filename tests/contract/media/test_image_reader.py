"""Contract of readers of untrusted images, for the fake and the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from fakes.recognition import FakeImageReader, image_bytes
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.domain.errors import ImageTooLargeError
from framecloak.domain.errors.files import InvalidImageError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.pixels import ImageReader


@dataclass(frozen=True)
class Case:
    """A reader, a function that encodes RGB images for it, and an image that is too large for it."""

    reader: ImageReader
    write: Callable[[Image], bytes]
    too_large: bytes


def png(rgb: Image) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(rgb[:, :, ::-1]))[1].tobytes()


CASES = {
    "fake": Case(FakeImageReader(), image_bytes, b"large"),
    "real": Case(UntrustedImageReader(200), png, png(np.zeros((1, 201, 3), np.uint8))),
}
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@each
def test_an_image_is_read_as_a_frame(case: Case) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    frame = case.reader.read(case.write(rgb))
    assert (frame.index, frame.width, frame.height) == (0, 80, 60)
    assert frame.nbytes >= 60 * 80 * 3
    assert (frame.bgr() == rgb[:, :, ::-1]).all()
    assert (frame.rgb(80, 60) == rgb).all()
    assert frame.rgb(32, 16).shape == (16, 32, 3)


@each
def test_every_call_returns_a_new_array(case: Case) -> None:
    frame = case.reader.read(case.write(np.full((8, 8, 3), 9, np.uint8)))
    for pixels in (frame.bgr, lambda: frame.rgb(4, 4)):
        pixels()[:] = 200
        assert (pixels() == 9).all()


@each
@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_data_that_is_not_an_image_is_refused(case: Case, data: bytes) -> None:
    with pytest.raises(InvalidImageError):
        case.reader.read(data)


@each
def test_a_truncated_image_is_refused(case: Case) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    data = case.write(noise)
    with pytest.raises(InvalidImageError):
        case.reader.read(data[: len(data) // 2])


@each
def test_a_too_large_image_is_refused(case: Case) -> None:
    with pytest.raises(ImageTooLargeError):
        case.reader.read(case.too_large)
