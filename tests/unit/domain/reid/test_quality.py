"""Sharpness and pose of faces, on blurred images and synthetic heads."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.imaging.detections import Image
from framecloak.domain.reid import quality
from framecloak.domain.reid.quality import assess, pose, sharpness
from support.samples import images


def landmarks_of(yaw: float, pitch: float, roll: float, scale: float = 2.0) -> np.ndarray:
    """Return landmarks of the average head after rotation; y points down and z towards the camera."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn_y = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    turn_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    turn_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    rotation = np.array(turn_z) @ np.array(turn_y) @ np.array(turn_x)
    return ((quality._HEAD_MODEL @ rotation.T)[:, :2] * scale + [300, 200]).astype(np.float32)


@given(angle=st.floats(-60, 60))
def test_a_rotation_about_one_axis_is_measured(angle: float) -> None:
    assert pose(landmarks_of(angle, 0, 0)) == pytest.approx((angle, 0, 0), abs=0.1)
    assert pose(landmarks_of(0, angle, 0)) == pytest.approx((0, angle, 0), abs=0.1)
    assert pose(landmarks_of(0, 0, angle)) == pytest.approx((0, 0, angle), abs=0.1)


def test_looking_right_and_up_have_positive_angles() -> None:
    looks_right = landmarks_of(0, 0, 0)
    looks_right[2, 0] += 20
    looks_up = landmarks_of(0, 0, 0)
    looks_up[2, 1] -= 10
    assert pose(looks_right)[0] > 10
    assert pose(looks_up)[1] > 5


def test_landmarks_in_one_point_have_no_pose() -> None:
    assert pose(np.full((5, 2), 7, np.float32)) == (0, 0, 0)


@pytest.fixture(scope="module")
def chip() -> Image:
    x1, y1, x2, y2 = images.GROUP_BOXES[4].astype(int)
    face = images.group_photo()[y1:y2, x1:x2]
    return np.asarray(cv2.resize(face, (150, 150), interpolation=cv2.INTER_AREA), np.uint8)


def test_each_blur_makes_a_face_less_sharp(chip: Image) -> None:
    blurred = [chip, *(np.asarray(cv2.GaussianBlur(chip, (0, 0), size)) for size in (1, 2, 4, 8))]
    values = [sharpness(image) for image in blurred]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.4
    assert values[-1] < 0.2


def test_motion_in_one_direction_counts(chip: Image) -> None:
    moved = np.asarray(cv2.blur(chip, (15, 1)))
    assert sharpness(moved) < 0.7 * sharpness(chip)


def test_brightness_and_contrast_do_not_matter(chip: Image) -> None:
    assert sharpness((chip // 2 + 60).astype(np.uint8)) == pytest.approx(sharpness(chip), abs=0.05)


def test_a_face_without_detail_is_not_sharp(chip: Image) -> None:
    assert sharpness(np.full_like(chip, 90)) == 0


def test_the_size_is_that_of_the_shorter_side(chip: Image) -> None:
    assert assess(chip, landmarks_of(0, 0, 0), np.array([10, 20, 50, 90], np.float32)).size == 40
