"""Paths of heads between two looks, on painted thumbnails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.adaptive.motion import path_between
from framecloak.domain.anonymization.model.analysis import Thumbnail
from framecloak.domain.imaging import box_geometry
from framecloak.domain.imaging.box_geometry import Boxes

WIDTH, HEIGHT = 200, 120
ZOOM = 2.0
"""Pixels of the frame per pixel of the thumbnail."""

SIDE, STEPS = 24, 6
"""Side of the head in pixels of the thumbnail, and frames from one look to the next."""

Path = Callable[[int], tuple[int, int]]
"""Returns the upper left corner of the head in a frame, in pixels of the thumbnail."""


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Return noise with structures of three pixels."""
    coarse = np.random.default_rng(seed).integers(20, 235, (height // 3 + 1, width // 3 + 1))
    return np.repeat(np.repeat(coarse, 3, axis=0), 3, axis=1)[:height, :width].astype(np.uint8)


def thumbnails(*paths: Path) -> list[Thumbnail | None]:
    """Return the frames of both looks and between: heads of their own texture before a faint background."""
    result: list[Thumbnail | None] = []
    for index in range(STEPS + 1):
        levels = 110 + texture(HEIGHT, WIDTH, 0) // 16
        for seed, path in enumerate(paths, start=1):
            x, y = path(index)
            levels[y : y + SIDE, x : x + SIDE] = texture(SIDE, SIDE, seed)
        result.append(Thumbnail(levels, (ZOOM, ZOOM)))
    return result


def box_at(path: Path, index: int) -> Boxes:
    """Return the box (4,) of a head in pixels of the frame."""
    corner = np.array(path(index))
    return np.concatenate([corner, corner + SIDE]) * ZOOM


def between(paths: list[Path], before: Path, after: Path) -> Boxes | None:
    return path_between(thumbnails(*paths), box_at(before, 0), box_at(after, STEPS))


@given(st.integers(-5, 5), st.integers(-3, 3), st.integers(-2, 2))
def test_a_head_is_followed_on_its_way(across: int, down: int, bend: int) -> None:
    def path(index: int) -> tuple[int, int]:
        return 88 + across * (index - 3), 48 + down * (index - 3) + bend * min(index, STEPS - index)

    boxes = between([path], path, path)
    assert boxes is not None
    assert boxes.shape == (STEPS - 1, 4)
    for index, box in enumerate(boxes, start=1):
        assert box == pytest.approx(box_at(path, index), abs=ZOOM)


def test_boxes_change_their_size_from_one_look_to_the_other() -> None:
    def path(index: int) -> tuple[int, int]:
        return 40 + 4 * index, 40

    before, after = box_at(path, 0), box_geometry.pad(box_at(path, STEPS)[None], 6.0)[0]
    boxes = path_between(thumbnails(path), before, after)
    assert boxes is not None
    assert box_geometry.size(boxes) == pytest.approx(48 + 2 * np.arange(1, STEPS))


def test_two_heads_are_not_taken_for_one() -> None:
    def left(_: int) -> tuple[int, int]:
        return 60, 40

    def right(_: int) -> tuple[int, int]:
        return 60 + SIDE, 40

    assert between([left, right], left, left) is not None
    assert between([left, right], left, right) is None


def test_a_head_that_is_hidden_in_between_has_no_path() -> None:
    def still(_: int) -> tuple[int, int]:
        return 60, 40

    def passing(index: int) -> tuple[int, int]:
        return (60, 40) if index == 3 else (10, 90)

    assert between([still], still, still) is not None
    assert between([still, passing], still, still) is None


@pytest.mark.parametrize("lost", [0, 3, STEPS])
def test_without_a_thumbnail_there_is_no_path(lost: int) -> None:
    def still(_: int) -> tuple[int, int]:
        return 60, 40

    frames = thumbnails(still)
    frames[lost] = None
    assert path_between(frames, box_at(still, 0), box_at(still, STEPS)) is None


def test_a_background_that_stays_behind_has_no_path_to_a_moved_detection() -> None:
    def still(_: int) -> tuple[int, int]:
        return 60, 40

    frames = thumbnails()
    before, after = box_at(still, 0), box_geometry.shift(box_at(still, 0), np.array([30.0, 0.0]))
    assert path_between(frames, before, after) is None
