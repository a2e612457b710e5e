"""Shot boundaries: cuts are detected; flashes and camera movements are not cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.detection.shots import (
    GRID_SHAPE,
    SHOT_MARGIN_FRAMES,
    luma_grid,
    shot_numbers,
)
from framecloak.domain.imaging.detections import Image


def image_of_shot(seed: int, *, shift: int = 0, level: float = 1.0) -> Image:
    """Return a blurred random image of 180x320 pixels, shifted to the right."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (10, 40, 3)).astype(np.float32)
    image = coarse.repeat(18, axis=0).repeat(32, axis=1)[:, shift : shift + 320]
    return np.clip(image * level, 0, 255).astype(np.uint8)


def test_a_luma_grid_has_the_mean_of_each_cell() -> None:
    rows, columns = GRID_SHAPE
    image = np.zeros((rows * 20, columns * 20, 3), np.uint8)
    image[20:40, 40:60] = (10, 20, 30)
    cells = luma_grid(image).reshape(rows, columns, 3)
    assert cells[1, 2].tolist() == [10, 20, 30]
    assert cells.sum() == 60


def test_an_image_that_is_no_multiple_of_the_grid_has_a_luma_grid_too() -> None:
    assert luma_grid(np.full((101, 203, 3), 7, np.uint8)) == pytest.approx(7)


def test_a_hard_cut_begins_a_shot() -> None:
    grids = [luma_grid(image_of_shot(1, shift=t)) for t in range(10)]
    grids += [luma_grid(image_of_shot(2, shift=t)) for t in range(10)]
    assert shot_numbers(grids).tolist() == [0] * 10 + [1] * 10


def test_quick_cuts_are_all_detected() -> None:
    grids = [luma_grid(image_of_shot(t // 5)) for t in range(30)]
    assert shot_numbers(grids).tolist() == [t // 5 for t in range(30)]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    grids = [luma_grid(image_of_shot(3, shift=t)) for t in range(20)]
    for t in range(10, 10 + length):
        grids[t] = luma_grid(image_of_shot(3, shift=t, level=30.0))
    assert not shot_numbers(grids).any()


def test_a_fast_pan_is_no_cut() -> None:
    grids = [luma_grid(image_of_shot(4, shift=24 * t)) for t in range(30)]
    assert not shot_numbers(grids).any()


def test_no_cut_is_detected_at_a_missing_frame() -> None:
    grids = [luma_grid(image_of_shot(5)), None, luma_grid(image_of_shot(6)), luma_grid(image_of_shot(6))]
    assert shot_numbers(grids).tolist() == [0, 0, 0, 0]


@given(st.integers(0, 2**31), st.data())
def test_the_cut_at_a_frame_depends_only_on_its_neighbourhood(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    grids = []
    level = rng.uniform(0, 255, 12)
    for _ in range(40):
        if rng.random() < 0.15:
            level = rng.uniform(0, 255, 12)
        grids.append((level + rng.normal(0, 4, 12)).astype(np.float32))
    whole = np.diff(shot_numbers(grids))
    start = data.draw(st.integers(0, 38))
    stop = data.draw(st.integers(start + 1, 40))
    first, last = max(0, start - SHOT_MARGIN_FRAMES), min(40, stop + SHOT_MARGIN_FRAMES)
    part = np.diff(shot_numbers(grids[first:last]))
    np.testing.assert_array_equal(part[start - first : stop - 1 - first], whole[start : stop - 1])
