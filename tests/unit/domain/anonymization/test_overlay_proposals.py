"""Proposals for what a device writes over its picture, on made ultrasound pictures whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.anonymization.overlays.proposals import MAX_SAMPLES, propose_overlays, sample_indexes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Region

NAME, TIME = (20, 12, 210, 20), (460, 330, 120, 20)
"""x, y, width, height of what is burned in."""


def ultrasound(number: int, *, moves: bool = True) -> Image:
    """Speckle that never stands still, inside a black frame with a name and a time."""
    speckle = np.random.default_rng(number if moves else 0).integers(0, 160, (240, 400, 1), np.uint8)
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[60:300, 120:520] = cv2.GaussianBlur(speckle, (3, 3), 0)[..., None]
    for words, (x, y, _, height) in (("DOE JANE 1961-03-12", NAME), ("11:09:41", TIME)):
        cv2.putText(picture, words, (x, y + height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return picture


ENDOSCOPE_NAME, ENDOSCOPE_TIME = (8, 40, 150, 20), (8, 300, 100, 20)


def endoscopy(number: int) -> Image:
    """A round picture of folds that wander and change, with a name and a time in the black beside it."""
    across, down = np.meshgrid(np.arange(640), np.arange(360))
    folds = np.sin((across + 17 * number) / 23) + np.cos((down - 11 * number) / 17)
    tissue = np.stack([60 + 20 * folds, 70 + 30 * folds, 150 + 45 * folds], axis=-1)
    noise = np.random.default_rng(number).normal(0, 4, tissue.shape)
    inside = (across - 410) ** 2 + (down - 180) ** 2 < 170**2
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[inside] = np.clip(tissue + noise, 0, 255).astype(np.uint8)[inside]
    for words, (x, y, _, height) in (("ROE RICHARD", ENDOSCOPE_NAME), ("14:02:07", ENDOSCOPE_TIME)):
        cv2.putText(picture, words, (x, y + height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return picture


def corners(box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, width, height = box
    return np.array([[x, y, x + width, y + height]], np.float64)


def covered(regions: list[Region], box: tuple[int, int, int, int], picture: Image | None = None) -> float:
    mask = np.zeros((360, 640), bool)
    for region in regions:
        mask[region.y : region.y + region.height, region.x : region.x + region.width] = True
    x, y, width, height = box
    ink = (ultrasound(0) if picture is None else picture)[y : y + height, x : x + width, 0] > 128
    return float(mask[y : y + height, x : x + width][ink].mean())


def test_names_and_times_are_proposed_and_the_moving_picture_is_not() -> None:
    pictures = [ultrasound(number) for number in range(12)]
    proposals = propose_overlays(pictures, [np.concatenate([corners(NAME), corners(TIME)])] * 12)
    regions = [one.region for one in proposals]
    assert covered(regions, NAME) == covered(regions, TIME) == 1.0
    assert all(one.has_text and one.stillness > 0.9 for one in proposals)
    assert not any(r.x < 500 and r.x + r.width > 140 and r.y < 280 and r.y + r.height > 80 for r in regions)


def test_what_lies_beside_a_round_picture_is_proposed_and_its_rim_is_not() -> None:
    pictures = [endoscopy(number) for number in range(16)]
    texts = [np.concatenate([corners(ENDOSCOPE_NAME), corners(ENDOSCOPE_TIME)])] * 16
    rim = [np.concatenate([corners((236, 0, 347, 356)), one]) for one in texts]
    for found in (texts, rim, [np.empty((0, 4))] * 16):
        proposals = propose_overlays(pictures, found)
        regions = [one.region for one in proposals]
        assert covered(regions, ENDOSCOPE_NAME, pictures[0]) > 0.9
        assert covered(regions, ENDOSCOPE_TIME, pictures[0]) > 0.9
        assert not any(region.x + region.width > 260 for region in regions)


def test_text_makes_an_overlay_more_certain() -> None:
    pictures = [ultrasound(number) for number in range(12)]
    with_text = propose_overlays(pictures, [np.concatenate([corners(NAME), corners(TIME)])] * 12)
    without = propose_overlays(pictures, [np.empty((0, 4))] * 12)
    assert min(one.confidence for one in with_text) > max(one.confidence for one in without) > 0.5


def test_what_is_drawn_is_proposed_even_where_no_text_is_found() -> None:
    proposals = propose_overlays([ultrasound(number) for number in range(12)], [np.empty((0, 4))] * 12)
    assert covered([one.region for one in proposals], NAME) > 0.9
    assert not any(one.has_text for one in proposals)


def test_text_that_moves_is_not_proposed() -> None:
    plain = [np.full((360, 640, 3), 20 * number, np.uint8) for number in range(10)]
    texts = [corners((10 + 40 * number, 10, 100, 20)) for number in range(10)]
    assert propose_overlays(plain, texts) == []


def test_nothing_is_proposed_where_nothing_moves_or_too_little_is_known() -> None:
    assert propose_overlays([ultrasound(0, moves=False)] * 12, [corners(NAME)] * 12) == []
    assert propose_overlays([ultrasound(0), ultrasound(1)], [corners(NAME)] * 2) == []


def test_samples_are_spread_and_bounded() -> None:
    assert sample_indexes(5) == [0, 1, 2, 3, 4]
    numbers = sample_indexes(100_000)
    assert len(numbers) == MAX_SAMPLES
    assert (numbers[0], numbers[-1]) == (0, 99_999)
