"""Thumbnails: means of the green channel, and how large their pixels are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.thumbnails import THUMBNAIL_SIDE_PX, thumbnail


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_small_images_keep_their_green_channel() -> None:
    image = noise(64, 32)
    small = thumbnail(image, (128, 96))
    assert (small.levels == image[:, :, 1]).all()
    assert small.zoom == (2.0, 3.0)
    assert small.levels.flags.c_contiguous


@pytest.mark.parametrize("shrink", [2, 3, 6])
def test_large_images_are_averaged(shrink: int) -> None:
    image = noise(320 * shrink if shrink > 2 else 1280, 8 * shrink)
    factor = -(-image.shape[1] // THUMBNAIL_SIDE_PX)
    rows, columns = image.shape[0] // factor, image.shape[1] // factor
    green = image[: rows * factor, : columns * factor, 1].astype(float)
    means = green.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    small = thumbnail(image, (image.shape[1], image.shape[0]))
    assert (small.levels == np.floor(means)).all()
    assert small.zoom == (factor, factor)


@given(st.integers(1, 1400), st.integers(1, 90), st.integers(1, 4000), st.integers(1, 4000))
def test_pixels_of_a_thumbnail_are_where_they_were_at_any_size(
    width: int, height: int, frame_width: int, frame_height: int
) -> None:
    small = thumbnail(np.zeros((height, width, 3), np.uint8), (frame_width, frame_height))
    rows, columns = small.levels.shape
    assert max(rows, columns) <= THUMBNAIL_SIDE_PX
    # The rest that fills no pixel of the thumbnail is cut off on the right and at the bottom.
    lost = 1 + width // THUMBNAIL_SIDE_PX
    assert columns * small.zoom[0] <= frame_width + 1e-6
    assert columns * small.zoom[0] >= frame_width * (1 - lost / width)
    assert rows * small.zoom[1] <= frame_height + 1e-6


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (640, 160), (2560, 640), (32, 9)])
def test_tiny_frames_and_panoramas_have_thumbnails(size: tuple[int, int]) -> None:
    small = thumbnail(noise(*size), size)
    assert small.levels.size
    assert np.array(small.zoom) * small.levels.shape[::-1] == pytest.approx(size)
