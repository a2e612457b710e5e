"""Colours of every pixel format and tag, compared with the image that a frame was made from."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange

from framecloak.adapters.media.colour.pixel_formats import to_bgr, to_rgb
from framecloak.domain.imaging.detections import Image

BT709, BT601 = 1, 5
MAX_LEVELS = 3
OTHERWISE_CODED = ("bgr4", "bgr5", "bgr8", "rgb4", "rgb5", "rgb8", "mono", "bgr565", "rgb565")
"""Formats that keep fewer than 8 bits of each colour, or only two levels."""


def scene(width: int = 128, height: int = 96) -> Image:
    """Return a smooth image (height, width, 3) BGR, so that shared chroma costs nothing."""
    rows, columns = np.mgrid[:height, :width]
    blue, green = 70 + columns * 100 / width, 70 + rows * 100 / height
    return np.stack([blue, green, (blue + green) / 2], axis=2).astype(np.uint8)


def made(pixel_format: str, color_range: ColorRange) -> tuple[av.VideoFrame, Image] | None:
    """Return a frame in a format and what it shows; None if libswscale cannot write the format."""
    image = scene()
    if pixel_format.startswith(("gray", "ya")):
        image = np.repeat(image[:, :, :1], 3, axis=2)
    source = av.VideoFrame.from_ndarray(image, "bgr24")
    try:
        frame = source.reformat(format=pixel_format, dst_colorspace=BT709, dst_color_range=color_range)
    except (OSError, ValueError):
        return None
    return frame, image


@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG], ids=["limited", "full"])
def test_every_pixel_format_keeps_its_colours(color_range: ColorRange) -> None:
    tried = 0
    for name in sorted(av.video.format.names - {"pal8"}):
        stored_as_full = name.startswith(("gray", "ya")) and color_range == ColorRange.MPEG
        pair = None if name.startswith(OTHERWISE_CODED) or stored_as_full else made(name, color_range)
        if pair is None:
            continue
        frame, image = pair
        difference = to_bgr(frame).astype(int) - image
        assert np.abs(difference).mean() <= MAX_LEVELS, name
        assert np.percentile(np.abs(difference), 95) <= MAX_LEVELS + 1, name
        smaller = to_rgb(frame, 64, 48)[:, :, ::-1].astype(int) - image.reshape(48, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(smaller).mean() <= MAX_LEVELS, name
        tried += 1
    assert tried > 60


@pytest.mark.parametrize("matrix", [3, 10, 11, 12, 13, 15, 16, 17, 200])
def test_a_reserved_matrix_is_read_as_players_do(matrix: int) -> None:
    for size, actual in (((1280, 720), BT709), ((640, 480), BT601)):
        for pixel_format in ("yuv420p", "yuv420p10le"):
            image = scene(*size)
            stated = 9 if matrix == 10 else actual
            frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(
                format=pixel_format, dst_colorspace=stated, dst_color_range=ColorRange.MPEG
            )
            frame.colorspace = matrix
            for shown in (to_bgr(frame), to_rgb(frame, *size)[:, :, ::-1]):
                assert np.abs(shown.astype(int) - image).mean() <= MAX_LEVELS


@pytest.mark.parametrize("tag", ["color_primaries", "color_trc"])
def test_other_reserved_tags_change_nothing(tag: str) -> None:
    image = scene()
    frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(
        format="yuv420p10le", dst_colorspace=BT709, dst_color_range=ColorRange.MPEG
    )
    for value in (0, 3, 19, 200):
        setattr(frame, tag, value)
        assert np.abs(to_bgr(frame).astype(int) - image).mean() <= MAX_LEVELS


@pytest.mark.parametrize("full_range", [False, True], ids=["limited", "full"])
def test_ycgco_is_shown(*, full_range: bool) -> None:
    image = scene()
    blue, green, red = np.moveaxis(image.astype(float), 2, 0)
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (219 / 255, 224 / 255, 16)
    planes = [
        (red + 2 * green + blue) / 4 * luma + black,
        (2 * green - red - blue) / 4 * chroma + 128,
        (red - blue) / 2 * chroma + 128,
    ]
    stacked = np.round(planes).astype(np.uint8)
    frames = [av.VideoFrame.from_ndarray(stacked, "yuv444p")]
    frames[0].color_range = ColorRange.JPEG if full_range else ColorRange.MPEG
    frames.append(frames[0].reformat(format="yuv444p10le"))
    for frame in frames:
        frame.colorspace = 8
        for shown in (to_bgr(frame), to_rgb(frame, 128, 96)[:, :, ::-1]):
            assert np.abs(shown.astype(int) - image).max() <= MAX_LEVELS


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray16le", "ya8"])
def test_limited_grey_is_stretched(pixel_format: str) -> None:
    levels = np.tile(np.arange(16, 236, dtype=np.uint8), (8, 1))
    expected = np.clip(np.round((levels.astype(float) - 16) * 255 / 219), 0, 255)
    if pixel_format == "ya8":
        frame = av.VideoFrame.from_ndarray(levels, "gray").reformat(format="ya8")
    elif pixel_format == "gray":
        frame = av.VideoFrame.from_ndarray(levels, "gray")
    else:
        bits = 16 if "16" in pixel_format else 10
        frame = av.VideoFrame.from_ndarray(levels.astype(np.uint16) << bits - 8, pixel_format)
    frame.color_range = ColorRange.MPEG
    for shown in (to_bgr(frame), to_rgb(frame, 220, 8)):
        assert np.abs(shown.astype(int) - expected[:, :, None]).max() <= MAX_LEVELS
    frame.color_range = ColorRange.JPEG
    assert np.abs(to_bgr(frame).astype(int) - levels[:, :, None]).max() <= 1
