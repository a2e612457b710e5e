"""Template matching between two frames: templates that match, and those that do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeFrame
from framecloak.domain.anonymization.tracking.template_matching import (
    MAX_DIRECT_PRODUCTS,
    MAX_FRAME_SIDE_PX,
    TemplateMatcher,
    correlation,
)
from framecloak.domain.imaging.detections import Image

BOX = np.array([100.0, 60.0, 220.0, 90.0])
NO_MOTION = np.zeros(2)


def letters(width: int = 320, height: int = 192, seed: int = 0) -> Image:
    """Return blocks of noise with strokes of four pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 1), np.uint8)
    return np.repeat(np.repeat(np.repeat(noise, 4, axis=0), 4, axis=1), 3, axis=2)


def on_background(x: int, y: int, level: int = 90, size: tuple[int, int] = (320, 192)) -> Image:
    image = np.full((size[1], size[0], 3), level, np.uint8)
    image[60 + y : 90 + y, 100 + x : 220 + x] = letters()[:30, :120]
    return image


@pytest.mark.parametrize(("rows", "columns"), [(19, 31), (47, 61)])
def test_correlation_follows_its_formula(rows: int, columns: int) -> None:
    # The smaller window is compared directly, the larger one by Fourier transforms.
    assert 13 * 20 * 84 <= MAX_DIRECT_PRODUCTS < 41 * 50 * 84
    rng = np.random.default_rng(3)
    template, window = rng.uniform(0, 255, (7, 12)), rng.uniform(0, 255, (rows, columns))
    computed = correlation(template.astype(np.float32), window.astype(np.float32))
    expected = [
        [
            np.corrcoef(template.ravel(), window[y : y + 7, x : x + 12].ravel())[0, 1]
            for x in range(columns - 11)
        ]
        for y in range(rows - 6)
    ]
    assert computed == pytest.approx(np.array(expected), abs=1e-4)
    assert correlation(template, window[:7, :12])[0, 0] == pytest.approx(expected[0][0])


def test_nothing_correlates_with_a_flat_window() -> None:
    template = np.random.default_rng(3).uniform(0, 255, (7, 12)).astype(np.float32)
    assert np.abs(correlation(template, np.full((30, 40), 200, np.float32))).max() < 0.01


@given(x=st.integers(-20, 20), y=st.integers(-20, 20), expected=st.tuples(*[st.integers(-10, 10)] * 2))
def test_a_moved_template_is_matched_whatever_motion_is_expected(
    x: int, y: int, expected: tuple[int, int]
) -> None:
    (template,) = TemplateMatcher(FakeFrame(0, on_background(0, 0))).templates(BOX[None])
    matched = TemplateMatcher(FakeFrame(1, on_background(x, y))).match(
        template, np.array(expected, np.float64)
    )
    assert matched is not None
    moved = BOX + np.array([x, y, x, y])
    # Tolerance: half a pixel of the reduced image, and equally good neighbours.
    assert (matched[:2] <= moved[:2] + 1).all()
    assert (matched[2:] >= moved[2:] - 1).all()
    assert np.abs(matched - moved).max() <= 4


def test_a_template_of_a_large_frame_is_matched_in_its_coordinates() -> None:
    size = 2 * MAX_FRAME_SIDE_PX, 1080
    first, second = np.full((1080, size[0], 3), 90, np.uint8), np.full((1080, size[0], 3), 90, np.uint8)
    first[400:480, 600:900] = letters(300, 80)
    second[424:504, 588:888] = letters(300, 80)
    box = np.array([600.0, 400.0, 900.0, 480.0])
    (template,) = TemplateMatcher(FakeFrame(0, first)).templates(box[None])
    matched = TemplateMatcher(FakeFrame(1, second)).match(template, NO_MOTION)
    assert matched == pytest.approx(box + np.array([-12, 24, -12, 24]), abs=8)


@pytest.mark.parametrize(
    "other_frame",
    [
        np.full((192, 320, 3), 90, np.uint8),
        on_background(70, 0),
        letters(seed=5),
        on_background(0, 0, size=(640, 192)),
    ],
    ids=["gone", "too far away", "something else", "a frame of another size"],
)
def test_an_absent_template_is_not_matched(other_frame: Image) -> None:
    (template,) = TemplateMatcher(FakeFrame(0, on_background(0, 0))).templates(BOX[None])
    assert TemplateMatcher(FakeFrame(1, other_frame)).match(template, NO_MOTION) is None


def test_a_featureless_template_is_not_matched_even_in_its_own_frame() -> None:
    matcher = TemplateMatcher(FakeFrame(0, np.full((192, 320, 3), 90, np.uint8)))
    outside = BOX + 1000
    for template in matcher.templates(np.stack([BOX, BOX * 0.01, outside])):
        assert matcher.match(template, NO_MOTION) is None


def test_still_text_over_a_moving_background_is_matched_in_place() -> None:
    background = [np.random.default_rng(seed).integers(40, 120, (24, 40, 3), np.uint8) for seed in (1, 2)]
    frames = [np.repeat(np.repeat(noise, 8, axis=0), 8, axis=1) for noise in background]
    strokes = letters()[:30, :120, 0] > 128
    for frame in frames:
        frame[60:90, 100:220][strokes] = 235
    (template,) = TemplateMatcher(FakeFrame(0, frames[0])).templates(BOX[None])
    matched = TemplateMatcher(FakeFrame(1, frames[1])).match(template, NO_MOTION)
    assert matched == pytest.approx(BOX, abs=2)
