"""The contract of image samplers, on the fake and on OpenCV."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.media import FakeSampler
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.domain.anonymization.detection.directions import map_from_turned, rotation
from framecloak.domain.imaging.detections import Image
from framecloak.domain.ports.pixels import ImageSampler

both = pytest.mark.parametrize("sampler", [FakeSampler(), OpenCvSampler()], ids=["fake", "opencv"])


def noise(width: int = 40, height: int = 24, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def scaling(across: float, down: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Return the map with source pixels per pixel of the result, and the source position of its corner."""
    return np.array([[across, 0.0, x], [0.0, down, y]])


@both
def test_the_identity_returns_a_copy(sampler: ImageSampler) -> None:
    image = noise()
    before = image.copy()
    result = sampler.sample(image, scaling(1, 1), 40, 24)
    assert (result == image).all()
    assert (result.dtype, result.flags.c_contiguous) == (np.uint8, True)
    result[:] = 0
    assert (image == before).all()


@both
@given(st.integers(0, 30), st.integers(0, 18), st.integers(1, 10), st.integers(1, 6))
def test_a_part_of_an_image_keeps_its_pixels(
    sampler: ImageSampler, x: int, y: int, width: int, height: int
) -> None:
    result = sampler.sample(noise(), scaling(1, 1, x, y), width, height)
    assert (result == noise()[y : y + height, x : x + width]).all()


@both
@pytest.mark.parametrize("direction", [90, 180, 270])
def test_quarter_turns_are_exact(sampler: ImageSampler, direction: int) -> None:
    turned = (40, 24) if direction == 180 else (24, 40)
    result = sampler.sample(noise(), map_from_turned((40, 24), turned, direction), *turned)
    assert (result == np.rot90(noise(), -direction // 90)).all()


@both
@given(st.integers(-23, 23), st.integers(-23, 23))
def test_positions_beyond_a_border_are_mirrored_at_it(sampler: ImageSampler, x: int, y: int) -> None:
    mirrored = np.pad(noise(), ((24, 24), (24, 24), (0, 0)), mode="symmetric")
    result = sampler.sample(noise(), scaling(1, 1, x, y), 40, 24)
    assert (result == mirrored[24 + y : 48 + y, 24 + x : 64 + x]).all()


@both
def test_far_beyond_a_border_an_image_is_mirrored_again_and_again(sampler: ImageSampler) -> None:
    image = noise(4, 4)
    mirrored = np.pad(image, ((12, 12), (12, 12), (0, 0)), mode="symmetric")
    assert (sampler.sample(image, scaling(1, 1, -12, -12), 28, 28) == mirrored).all()


@both
@pytest.mark.parametrize("factor", [2, 3, 5])
def test_an_enlarged_image_is_in_place(sampler: ImageSampler, factor: int) -> None:
    image = np.zeros((12, 12, 3), np.uint8)
    image[4:8, 2:6] = 200
    result = sampler.sample(image, scaling(1 / factor, 1 / factor), 12 * factor, 12 * factor)
    inside = np.zeros((12 * factor, 12 * factor), bool)
    inside[4 * factor : 8 * factor, 2 * factor : 6 * factor] = True
    # The middle of each pixel of the original lies where it belongs, whatever is interpolated between.
    centre = factor // 2
    assert (result[centre::factor, centre::factor, 0] > 100).tolist() == inside[
        centre::factor, centre::factor
    ].tolist()
    rows, columns = np.nonzero(result[:, :, 0] > 100)
    assert (rows.mean(), columns.mean()) == pytest.approx((6 * factor - 0.5, 4 * factor - 0.5), abs=0.5)


@both
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_every_pixel_counts_in_a_shrunk_image(sampler: ImageSampler, factor: int) -> None:
    image = noise(12 * factor, 8 * factor, seed=1)
    means = image.reshape(8, factor, 12, factor, 3).mean(axis=(1, 3))
    result = sampler.sample(image, scaling(factor, factor), 12, 8)
    assert np.abs(result - means).max() <= 1.0


@both
@given(st.integers(0, 23), st.integers(0, 23))
def test_a_single_bright_pixel_is_seen_after_shrinking(sampler: ImageSampler, x: int, y: int) -> None:
    image = np.zeros((24, 24, 3), np.uint8)
    image[y, x] = 255
    assert sampler.sample(image, scaling(3, 3), 8, 8)[y // 3, x // 3, 0] > 0


@both
@pytest.mark.parametrize("size", [(1, 1), (1, 16), (16, 1), (16, 16)])
def test_the_smallest_images_can_be_sampled(sampler: ImageSampler, size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 77, np.uint8)
    for step in (0.05, 1.0, 7.0):
        result = sampler.sample(image, scaling(step, step, -3, -3), 20, 12)
        assert result.shape == (12, 20, 3)
        assert (result == 77).all()


def smooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 128 + 60 * np.sin(x / 23) + 50 * np.cos(y / 17 + 1)


@given(
    st.integers(0, 359),
    st.floats(0.3, 4.0),
    st.booleans(),
    st.tuples(st.floats(70, 130), st.floats(50, 100)),
)
def test_a_smooth_image_has_its_values_through_any_map(
    degrees: int, scale: float, is_mirrored: bool, centre: tuple[float, float]
) -> None:
    columns, rows = np.meshgrid(np.arange(200) + 0.5, np.arange(150) + 0.5)
    image = np.repeat(np.rint(smooth(columns, rows))[:, :, None], 3, axis=2).astype(np.uint8)
    linear = rotation(degrees) * scale * ([-1.0, 1.0] if is_mirrored else [1.0, 1.0])
    width, height = 16, 12
    matrix = np.column_stack([linear, np.array(centre) - linear @ [width / 2, height / 2]])
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    source_x, source_y = np.moveaxis(np.stack([x, y], axis=2) @ linear.T + matrix[:, 2], 2, 0)
    expected = smooth(source_x, source_y)
    result = OpenCvSampler().sample(image, matrix, width, height)[:, :, 0]
    inside = (source_x > 5) & (source_x < 195) & (source_y > 5) & (source_y < 145)
    # Rounding of the image, of the result and of the positions, and the mean over the pixels of a cell.
    assert np.abs(result - expected)[inside].max(initial=0.0) <= 4.0
