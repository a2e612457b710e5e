"""Proposals for static overlays of devices, on synthetic ultrasound and endoscopy images."""

from __future__ import annotations

import cv2
import numpy as np

from framecloak.domain.anonymization.overlays.proposals import MAX_SAMPLES, propose_overlays, sample_indexes
from framecloak.domain.imaging.detections import Image
from framecloak.domain.model.segments import Region

NAME, TIME = (20, 12, 210, 20), (460, 330, 120, 20)
"""Burned-in text: x, y, width, height."""


def ultrasound(number: int, *, moves: bool = True) -> Image:
    """Return moving speckle inside a black frame with a name and a time."""
    speckle = np.random.default_rng(number if moves else 0).integers(0, 160, (240, 400, 1), np.uint8)
    image = np.zeros((360, 640, 3), np.uint8)
    image[60:300, 120:520] = cv2.GaussianBlur(speckle, (3, 3), 0)[..., None]
    for words, (x, y, _, height) in (("DOE JANE 1961-03-12", NAME), ("11:09:41", TIME)):
        cv2.putText(image, words, (x, y + height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return image


ENDOSCOPE_NAME, ENDOSCOPE_TIME = (8, 40, 150, 20), (8, 300, 100, 20)


def endoscopy(number: int) -> Image:
    """Return a round image of moving folds, with a name and a time on the black beside it."""
    across, down = np.meshgrid(np.arange(640), np.arange(360))
    folds = np.sin((across + 17 * number) / 23) + np.cos((down - 11 * number) / 17)
    tissue = np.stack([60 + 20 * folds, 70 + 30 * folds, 150 + 45 * folds], axis=-1)
    noise = np.random.default_rng(number).normal(0, 4, tissue.shape)
    inside = (across - 410) ** 2 + (down - 180) ** 2 < 170**2
    image = np.zeros((360, 640, 3), np.uint8)
    image[inside] = np.clip(tissue + noise, 0, 255).astype(np.uint8)[inside]
    for words, (x, y, _, height) in (("ROE RICHARD", ENDOSCOPE_NAME), ("14:02:07", ENDOSCOPE_TIME)):
        cv2.putText(image, words, (x, y + height - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1)
    return image


def corners(box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, width, height = box
    return np.array([[x, y, x + width, y + height]], np.float64)


def covered(regions: list[Region], box: tuple[int, int, int, int], image: Image | None = None) -> float:
    mask = np.zeros((360, 640), bool)
    for region in regions:
        mask[region.y : region.y + region.height, region.x : region.x + region.width] = True
    x, y, width, height = box
    ink = (ultrasound(0) if image is None else image)[y : y + height, x : x + width, 0] > 128
    return float(mask[y : y + height, x : x + width][ink].mean())


def test_names_and_times_are_proposed_and_the_moving_image_is_not() -> None:
    images = [ultrasound(number) for number in range(12)]
    proposals = propose_overlays(images, [np.concatenate([corners(NAME), corners(TIME)])] * 12)
    regions = [proposal.region for proposal in proposals]
    assert covered(regions, NAME) == covered(regions, TIME) == 1.0
    assert all(proposal.has_text and proposal.stillness > 0.9 for proposal in proposals)
    assert not any(r.x < 500 and r.x + r.width > 140 and r.y < 280 and r.y + r.height > 80 for r in regions)


def test_text_beside_a_round_image_is_proposed_and_the_rim_is_not() -> None:
    images = [endoscopy(number) for number in range(16)]
    texts = [np.concatenate([corners(ENDOSCOPE_NAME), corners(ENDOSCOPE_TIME)])] * 16
    rim = [np.concatenate([corners((236, 0, 347, 356)), boxes]) for boxes in texts]
    for text_boxes in (texts, rim, [np.empty((0, 4))] * 16):
        proposals = propose_overlays(images, text_boxes)
        regions = [proposal.region for proposal in proposals]
        assert covered(regions, ENDOSCOPE_NAME, images[0]) > 0.9
        assert covered(regions, ENDOSCOPE_TIME, images[0]) > 0.9
        assert not any(region.x + region.width > 260 for region in regions)


def test_text_makes_an_overlay_more_certain() -> None:
    images = [ultrasound(number) for number in range(12)]
    with_text = propose_overlays(images, [np.concatenate([corners(NAME), corners(TIME)])] * 12)
    without = propose_overlays(images, [np.empty((0, 4))] * 12)
    assert (
        min(proposal.confidence for proposal in with_text)
        > max(proposal.confidence for proposal in without)
        > 0.5
    )


def test_overlays_are_proposed_even_without_detected_text() -> None:
    proposals = propose_overlays([ultrasound(number) for number in range(12)], [np.empty((0, 4))] * 12)
    assert covered([proposal.region for proposal in proposals], NAME) > 0.9
    assert not any(proposal.has_text for proposal in proposals)


def test_text_that_moves_is_not_proposed() -> None:
    plain = [np.full((360, 640, 3), 20 * number, np.uint8) for number in range(10)]
    texts = [corners((10 + 40 * number, 10, 100, 20)) for number in range(10)]
    assert propose_overlays(plain, texts) == []


def test_nothing_is_proposed_for_still_images_or_too_few_samples() -> None:
    assert propose_overlays([ultrasound(0, moves=False)] * 12, [corners(NAME)] * 12) == []
    assert propose_overlays([ultrasound(0), ultrasound(1)], [corners(NAME)] * 2) == []


def test_samples_are_spread_and_bounded() -> None:
    assert sample_indexes(5) == [0, 1, 2, 3, 4]
    numbers = sample_indexes(100_000)
    assert len(numbers) == MAX_SAMPLES
    assert (numbers[0], numbers[-1]) == (0, 99_999)
