"""Views of a camera on plain ground, and what remains of them in a flattened image."""

from __future__ import annotations

import numpy as np
import pytest

from framecloak.domain.anonymization.detection.text.plain_ground import PlainGround, grid_size
from framecloak.domain.imaging.detections import Image

GROUND = 12


def screen() -> Image:
    return np.full((90, 160, 3), GROUND, np.uint8)


def disc(image: Image, radius: float = 30, hole: float = 0) -> None:
    """Draw a disc whose brightness changes from side to side."""
    rows, columns = np.mgrid[:90, :160]
    distance = np.hypot(rows - 45, columns - 80)
    image[(distance <= radius) & (distance >= hole)] = 200
    shaded = np.clip(columns, 50, 110)[..., None].repeat(3, axis=2) + 60
    image[...] = np.where((image == 200) & (hole == 0), shaded, image)


def views(image: Image) -> int:
    ground = PlainGround.in_image(image)
    return len(ground.views()) if ground else 0


def test_a_shaded_disc_is_a_view() -> None:
    image = screen()
    disc(image)
    assert views(image) == 1


@pytest.mark.parametrize("opening", [30.0, 38.0, 45.0])
@pytest.mark.parametrize("inner", [2, 8])
def test_a_sector_of_an_ultrasound_device_is_a_view(opening: float, inner: float) -> None:
    image = screen()
    rows, columns = np.mgrid[:90, :160]
    radius, angle = np.hypot(rows - 5, columns - 80), np.degrees(np.arctan2(columns - 80, rows - 5))
    inside = (radius <= 78) & (radius >= inner) & (np.abs(angle) <= opening)
    speckle = np.random.default_rng(0).integers(60, 160, (90, 160, 1))
    image[...] = np.where(inside[..., None], speckle, image)
    assert views(image) == 1


@pytest.mark.parametrize("thickness", [14, 20, 26])
def test_a_thick_letter_of_two_strokes_is_no_view(thickness: int) -> None:
    image = screen()
    for row in range(5, 85):
        middle = 45 + 35 * row // 85
        for left in (middle - thickness // 2, 160 - middle - thickness // 2):
            image[row, left : left + thickness] = np.linspace(90, 200, thickness)[:, None]
    assert views(image) == 0


def test_a_letter_with_a_hole_is_no_view() -> None:
    image = screen()
    disc(image, hole=12)
    assert views(image) == 0


@pytest.mark.parametrize(
    "boxes",
    [
        [(20, 5, 26, 150)],
        [(20, 40, 40, 60)],
        [(10, 40, 80, 52), (10, 70, 80, 82), (40, 52, 50, 70)],
    ],
    ids=["line", "small", "concave"],
)
def test_what_is_not_shaped_like_a_view_is_none(boxes: list[tuple[int, int, int, int]]) -> None:
    image = screen()
    for top, left, bottom, right in boxes:
        image[top:bottom, left:right] = np.linspace(90, 200, right - left)[None, :, None]
    assert views(image) == 0


def test_footage_without_plain_ground_has_none() -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 160, 3)).astype(np.uint8)
    assert PlainGround.in_image(image) is None


@pytest.mark.parametrize("size", [(160, 90), (640, 360)])
def test_a_flattened_view_has_the_level_of_the_ground_and_text_stays(size: tuple[int, int]) -> None:
    image = screen()
    disc(image)
    ground = PlainGround.in_image(image)
    assert ground is not None
    zoom = size[0] // 160
    enlarged = image.repeat(zoom, axis=0).repeat(zoom, axis=1)
    enlarged[45 * zoom, 70 * zoom : 90 * zoom] = 255
    enlarged[10 * zoom, 5 * zoom : 20 * zoom] = 255
    flat = ground.flattened(enlarged, ground.views()[0]).astype(int)
    assert np.abs(flat[5 * zoom, 100 * zoom :] - 110).max() == 0
    assert np.abs(flat[30 * zoom : 40 * zoom, 60 * zoom : 100 * zoom] - 110).max() < 25
    assert (flat[45 * zoom, 70 * zoom : 90 * zoom] > 200).all()
    assert (flat[10 * zoom, 5 * zoom : 20 * zoom] == 255).all()


def test_the_grid_has_square_cells() -> None:
    assert grid_size(1920, 1080) == (160, 90)
    assert grid_size(576, 1024) == (90, 160)
