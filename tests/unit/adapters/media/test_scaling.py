"""Scaling to detector inputs, compared with OpenCV's exact area scaling and with conversion beforehand."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.orientation import Orientation
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.reader import OpenCvReader
from framecloak.adapters.media.scaling import scaled
from framecloak.adapters.media.video.frames import ArrayFrame, DecodedFrame
from framecloak.domain.anonymization.model.options import Appearance
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.imaging.detections import Image

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "rgb24", "bgra")
COLOURSPACES = {"BT.709": 1, "FCC": 4, "BT.601": 6, "SMPTE 240M": 7, "BT.2020": 9}
SWSCALE_ERROR = 2.5
"""Levels by which the fast conversion of libswscale, which the full-size frames go through, is darker."""


def scene(width: int = 480, height: int = 360) -> Image:
    """Return an image (height, width, 3) BGR of stripes that narrow down to two pixels, noise and colours."""
    rows, columns = np.mgrid[:height, :width]
    stripes = 60 * np.sign(np.sin(np.pi * columns / (2 + 12 * rows / height)))
    noise = np.random.default_rng(5).normal(0, 6, (height, width))
    base = np.stack([columns * 200 / width, rows * 200 / height, 200 - columns * 200 / width], axis=2)
    return np.clip(30 + base * 0.6 + (stripes + noise)[:, :, None] + 40, 0, 255).astype(np.uint8)


def reference(image: Image, width: int, height: int) -> np.ndarray:
    """Scale by exact means over areas, or bicubically where both sides grow; in floating point."""
    exact = image.astype(np.float32)
    if width > image.shape[1] and height > image.shape[0]:
        return cv2.resize(exact, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    return cv2.resize(exact, (width, height), interpolation=cv2.INTER_AREA)


def decoded(pixel_format: str, colorspace: int | None = None) -> tuple[DecodedFrame, Image]:
    """Return a frame in a pixel format, and the same as BGR at full size."""
    full_range = ColorRange.JPEG if pixel_format.startswith("yuvj") else ColorRange.MPEG
    frame = av.VideoFrame.from_ndarray(scene(), "bgr24").reformat(
        format=pixel_format, dst_colorspace=colorspace, dst_color_range=full_range
    )
    if colorspace is not None:
        frame.colorspace = colorspace
    shown = DecodedFrame(0, frame, Orientation.UPRIGHT)
    return shown, shown.bgr()


@given(st.floats(1.0, 6.0), st.floats(0.9, 1.1))
def test_shrinking_is_a_mean_over_areas(factor: float, distortion: float) -> None:
    image = scene()
    width, height = round(480 / factor), min(360, round(360 / factor * distortion))
    difference = scaled(image, width, height) - reference(image, width, height)
    # Linear interpolation, even after halving, differs by 10 levels on average and by 48 in this percentile.
    assert np.abs(difference).mean() < 4.2
    assert np.percentile(np.abs(difference), 99) < 25


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 8])
def test_whole_factors_are_exact(factor: int) -> None:
    image = scene(480, 240)
    size = 480 // factor, 240 // factor
    assert np.abs(scaled(image, *size) - reference(image, *size)).max() < 2.5


@given(st.floats(1.02, 4.0))
def test_enlarging_is_bicubic(factor: float) -> None:
    image = scene(120, 90)
    size = round(120 * factor), round(90 * factor)
    assert np.abs(scaled(image, *size) - reference(image, *size)).max() <= 2


def test_a_side_may_grow_while_the_other_shrinks() -> None:
    flat = np.full((90, 120, 3), (40, 120, 200), np.uint8)
    assert (scaled(flat, 50, 150) == (40, 120, 200)).all()
    ramp = np.tile(np.arange(120, dtype=np.uint8)[None, :], (90, 1))
    assert scaled(ramp, 60, 97).shape == (97, 60)
    assert np.abs(scaled(ramp, 60, 97) - np.arange(0.5, 120, 2)).max() <= 1


def test_a_single_pixel_and_an_unchanged_size_are_allowed() -> None:
    image = scene()
    assert scaled(image, 480, 360) is image
    assert (scaled(np.full_like(image, 77), 1, 1) == 77).all()
    assert scaled(image[:1, :1], 5, 3).shape == (3, 5, 3)


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(
    "size", [(480, 360), (478, 359), (353, 271), (240, 180), (181, 133), (80, 60), (607, 455)]
)
def test_a_decoded_frame_looks_as_if_converted_first(pixel_format: str, size: tuple[int, int]) -> None:
    frame, full = decoded(pixel_format)
    difference = frame.rgb(*size)[:, :, ::-1] - reference(full, *size)
    assert np.abs(difference.mean(axis=(0, 1))).max() < SWSCALE_ERROR
    assert np.abs(difference).mean() < 4.2
    assert np.percentile(np.abs(difference), 99) < 25


@pytest.mark.parametrize("colorspace", COLOURSPACES.values(), ids=COLOURSPACES.keys())
def test_colours_follow_the_matrix_of_the_stream(colorspace: int) -> None:
    frame, full = decoded("yuv420p", colorspace)
    difference = frame.rgb(240, 180)[:, :, ::-1] - reference(full, 240, 180)
    assert np.abs(difference.mean(axis=(0, 1))).max() < SWSCALE_ERROR


def test_every_frame_in_memory_is_scaled_in_the_same_way() -> None:
    image = scene()
    encoded = OpenCvEncoder().encode(image, Appearance(OutputFormat.PNG))
    for size in ((320, 256), (600, 450)):
        expected = scaled(image, *size)[:, :, ::-1]
        assert (ArrayFrame(0, image).rgb(*size) == expected).all()
        assert (OpenCvReader().read(encoded, 0).rgb(*size) == expected).all()
