"""Contract of readers of encoded frames, for the fake and the real one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.pixels import EncodedFrameReader, FrameEncoder
from support.samples.scripted_video import HEIGHT, WIDTH, RawEncoder, RawReader

CORNERS = ((20, 40, 200), (220, 60, 30), (50, 200, 90), (240, 230, 210))
"""Colours (BGR) of the quarters of the image: top left, top right, bottom left, bottom right."""


@dataclass(frozen=True)
class Pair:
    """A reader and the encoder of its input."""

    reader: EncodedFrameReader
    encoder: FrameEncoder
    appearance: Appearance

    def encoded(self, image: Image) -> bytes:
        return self.encoder.encode(image, self.appearance)


def _real(form: OutputFormat) -> Callable[[], Pair]:
    return lambda: Pair(OpenCvReader(), OpenCvEncoder(), Appearance(form, quality=95))


PAIRS: dict[str, Callable[[], Pair]] = {
    "fake": lambda: Pair(RawReader(), RawEncoder(), Appearance()),
    **{form.value: _real(form) for form in OutputFormat if not form.is_video},
}


@pytest.fixture(params=PAIRS.values(), ids=PAIRS.keys())
def pair(request: pytest.FixtureRequest) -> Pair:
    make: Callable[[], Pair] = request.param
    return make()


def quarters() -> Image:
    colours = np.array(CORNERS, np.uint8).reshape(2, 2, 3)
    return colours.repeat(HEIGHT // 2, axis=0).repeat(WIDTH // 2, axis=1)


def middles(image: Image) -> np.ndarray:
    """Return the colours in the middle of each quarter, (4, 3)."""
    height, width = image.shape[:2]
    return image[[height // 4, height * 3 // 4]][:, [width // 4, width * 3 // 4]].reshape(4, 3).astype(int)


def test_an_encoded_frame_is_read_back(pair: Pair) -> None:
    frame = pair.reader.read(pair.encoded(quarters()), 17)
    assert (frame.index, frame.width, frame.height) == (17, WIDTH, HEIGHT)
    assert frame.nbytes > 0
    image = frame.bgr()
    assert (image.shape, image.dtype, image.flags.c_contiguous) == (
        (HEIGHT, WIDTH, 3),
        np.uint8,
        True,
    )
    assert np.abs(middles(image) - CORNERS).max() < 12


def test_every_call_returns_a_new_array(pair: Pair) -> None:
    frame = pair.reader.read(pair.encoded(quarters()), 0)
    first = frame.bgr()
    first[:] = 0
    assert np.abs(middles(frame.bgr()) - CORNERS).max() < 12


@pytest.mark.parametrize(
    "size", [(320, 192), (160, 96), (160, 98), (80, 48), (40, 24), (96, 96), (33, 17), (640, 384), (1, 1)]
)
def test_rgb_is_the_whole_image_resized(pair: Pair, size: tuple[int, int]) -> None:
    image = pair.reader.read(pair.encoded(quarters()), 0).rgb(*size)
    assert (image.shape, image.dtype, image.flags.c_contiguous) == (
        (size[1], size[0], 3),
        np.uint8,
        True,
    )
    if min(size) > 1:
        assert np.abs(middles(image)[:, ::-1] - CORNERS).max() < 12


@pytest.mark.parametrize(
    "data", [b"", b"no image", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"]
)
def test_data_that_is_not_an_image_is_refused(pair: Pair, data: bytes) -> None:
    with pytest.raises(FrameAnalysisError):
        pair.reader.read(data, 3).bgr()
    with pytest.raises(FrameAnalysisError):
        pair.reader.read(data, 3).rgb(64, 64)


def test_a_file_truncated_after_its_header_has_no_pixels(pair: Pair) -> None:
    data = pair.encoded(quarters())[:40]
    with pytest.raises(FrameAnalysisError):
        pair.reader.read(data, 3).bgr()
    with pytest.raises(FrameAnalysisError):
        pair.reader.read(data, 3).rgb(64, 64)


def test_threads_can_share_a_frame(pair: Pair) -> None:
    frame = pair.reader.read(pair.encoded(quarters()), 0)
    sizes = [(160, 96), (320, 192), (80, 48)] * 4
    alone = [frame.rgb(*size) for size in sizes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda size: frame.rgb(*size), sizes))
    assert all(np.array_equal(*both) for both in zip(alone, together, strict=True))


@given(
    width=st.integers(16, 400),
    height=st.integers(16, 300),
    across=st.floats(0.1, 1.2),
    down=st.floats(0.1, 1.2),
    form=st.sampled_from([OutputFormat.JPG, OutputFormat.PNG]),
)
def test_a_reduced_image_has_the_means_of_the_pixels(
    width: int, height: int, across: float, down: float, form: OutputFormat
) -> None:
    """Decoding a JPEG at a reduced size must not give the detector a different image."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)
    image = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.uint8)
    frame = OpenCvReader().read(OpenCvEncoder().encode(image, Appearance(form, quality=95)), 0)
    assert (frame.width, frame.height) == (width, height)
    size = max(1, round(width * across)), max(1, round(height * down))
    # Sides that shrink are averaged; OpenCV's area scaling would repeat pixels along one that grows.
    averaged = min(width, size[0]), min(height, size[1])
    growing = cv2.INTER_CUBIC if averaged == (width, height) else cv2.INTER_LINEAR
    means = cv2.resize(frame.bgr(), averaged, interpolation=cv2.INTER_AREA)
    expected = cv2.resize(means, size, interpolation=growing)[:, :, ::-1]
    assert np.abs(frame.rgb(*size).astype(int) - expected).mean() < 3
