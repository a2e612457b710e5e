"""Pieces of one frame that are found again in another, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeFrame
from framecloak.domain.anonymization.tracking.template_matching import (
    MAX_FRAME_SIDE_PX,
    TemplateMatcher,
    correlation,
)
from framecloak.domain.imaging.detections import Image

BOX = np.array([100.0, 60.0, 220.0, 90.0])
STAYS = np.zeros(2)


def letters(width: int = 320, height: int = 192, seed: int = 0) -> Image:
    """Blocks of noise: strokes of four pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 1), np.uint8)
    return np.repeat(np.repeat(np.repeat(noise, 4, axis=0), 4, axis=1), 3, axis=2)


def on_background(x: int, y: int, level: int = 90, size: tuple[int, int] = (320, 192)) -> Image:
    picture = np.full((size[1], size[0], 3), level, np.uint8)
    picture[60 + y : 90 + y, 100 + x : 220 + x] = letters()[:30, :120]
    return picture


def test_correlation_is_what_its_formula_says() -> None:
    rng = np.random.default_rng(3)
    patch, window = rng.uniform(0, 255, (7, 12)), rng.uniform(0, 255, (19, 31))
    found = correlation(patch.astype(np.float32), window.astype(np.float32))
    expected = [
        [np.corrcoef(patch.ravel(), window[y : y + 7, x : x + 12].ravel())[0, 1] for x in range(20)]
        for y in range(13)
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-4)
    assert correlation(patch, window[:7, :12])[0, 0] == pytest.approx(expected[0][0])


def test_nothing_is_like_a_flat_window() -> None:
    patch = np.random.default_rng(3).uniform(0, 255, (7, 12)).astype(np.float32)
    assert np.abs(correlation(patch, np.full((30, 40), 200, np.float32))).max() < 0.01


@given(x=st.integers(-20, 20), y=st.integers(-20, 20), expected=st.tuples(*[st.integers(-10, 10)] * 2))
def test_a_piece_is_seen_where_it_went_whatever_was_expected(
    x: int, y: int, expected: tuple[int, int]
) -> None:
    (patch,) = TemplateMatcher(FakeFrame(0, on_background(0, 0))).templates(BOX[None])
    place = TemplateMatcher(FakeFrame(1, on_background(x, y))).match(patch, np.array(expected, np.float64))
    assert place is not None
    there = BOX + np.array([x, y, x, y])
    # Half a pixel of the shrunken picture, and what is as good beside it.
    assert (place[:2] <= there[:2] + 1).all()
    assert (place[2:] >= there[2:] - 1).all()
    assert np.abs(place - there).max() <= 4


def test_a_piece_of_a_large_frame_is_seen_at_its_place_there() -> None:
    size = 2 * MAX_FRAME_SIDE_PX, 1080
    first, second = np.full((1080, size[0], 3), 90, np.uint8), np.full((1080, size[0], 3), 90, np.uint8)
    first[400:480, 600:900] = letters(300, 80)
    second[424:504, 588:888] = letters(300, 80)
    box = np.array([600.0, 400.0, 900.0, 480.0])
    (patch,) = TemplateMatcher(FakeFrame(0, first)).templates(box[None])
    place = TemplateMatcher(FakeFrame(1, second)).match(patch, STAYS)
    assert place == pytest.approx(box + np.array([-12, 24, -12, 24]), abs=8)


@pytest.mark.parametrize(
    "there",
    [
        np.full((192, 320, 3), 90, np.uint8),
        on_background(70, 0),
        letters(seed=5),
        on_background(0, 0, size=(640, 192)),
    ],
    ids=["gone", "too far away", "something else", "a frame of another size"],
)
def test_what_is_not_there_is_not_seen(there: Image) -> None:
    (patch,) = TemplateMatcher(FakeFrame(0, on_background(0, 0))).templates(BOX[None])
    assert TemplateMatcher(FakeFrame(1, there)).match(patch, STAYS) is None


def test_what_shows_nothing_is_not_seen_even_in_its_own_frame() -> None:
    picture = TemplateMatcher(FakeFrame(0, np.full((192, 320, 3), 90, np.uint8)))
    outside = BOX + 1000
    for patch in picture.templates(np.stack([BOX, BOX * 0.01, outside])):
        assert picture.match(patch, STAYS) is None


def test_what_stands_over_a_moving_picture_is_seen_to_stand_still() -> None:
    background = [np.random.default_rng(seed).integers(40, 120, (24, 40, 3), np.uint8) for seed in (1, 2)]
    frames = [np.repeat(np.repeat(one, 8, axis=0), 8, axis=1) for one in background]
    strokes = letters()[:30, :120, 0] > 128
    for frame in frames:
        frame[60:90, 100:220][strokes] = 235
    (patch,) = TemplateMatcher(FakeFrame(0, frames[0])).templates(BOX[None])
    place = TemplateMatcher(FakeFrame(1, frames[1])).match(patch, STAYS)
    assert place == pytest.approx(BOX, abs=2)
