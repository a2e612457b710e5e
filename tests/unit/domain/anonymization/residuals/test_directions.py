"""Boxes from turned images are in the pixels of the upright image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.vision import FakeFaceDetector, paint_face
from framecloak.domain.anonymization.residuals.directions import detect_in_directions
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard

WIDTH, HEIGHT = 96, 64


@dataclass
class ArrowDetector:
    """Detects a bright box whose brightest row is its upper one: what is upright."""

    stride: int = 32
    max_batch: int = 1
    card: ModelCard = field(default_factory=lambda: ModelCard("arrow", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        assert image.flags.c_contiguous
        rows, columns = np.nonzero(image[:, :, 0])
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        upright = (image[y1, x1:x2, 0] == 255).all()
        box = np.array([(x1, y1, x2, y2)], np.float32)[: int(upright)]
        return [Detections(box, np.full(len(box), 0.9, np.float32), np.zeros((len(box), 5, 2), np.float32))]


@given(
    x=st.integers(0, WIDTH - 8),
    y=st.integers(0, HEIGHT - 8),
    width=st.integers(3, 8),
    height=st.integers(3, 8),
    turn=st.integers(0, 3),
)
def test_a_turned_face_is_found_where_it_is(x: int, y: int, width: int, height: int, turn: int) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    face = np.full((height, width, 3), 100, np.uint8)
    # The side that is up after as many quarter turns clockwise.
    side = ((0, slice(None)), (slice(None), 0), (-1, slice(None)), (slice(None), -1))[turn]
    face[side] = 255
    image[y : y + height, x : x + width] = face
    found = detect_in_directions(ArrowDetector(), image, 0.2, range(4))
    assert found.boxes.tolist() == [[x, y, x + width, y + height]]
    assert found.scores == pytest.approx([0.9])
    for other in {0, 1, 2, 3} - {turn}:
        assert not len(detect_in_directions(ArrowDetector(), image, 0.2, (other,)).scores)


def test_a_crop_is_turned_only_where_the_faster_detector_sees_something_in_it() -> None:
    empty = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    shown = empty.copy()
    paint_face(shown, (20, 20, 40, 40))
    for image, sizes in (
        (empty, [(1, HEIGHT, WIDTH)]),
        (shown, [(1, HEIGHT, WIDTH), (1, WIDTH, HEIGHT)] * 2),
    ):
        detector = FakeFaceDetector()
        found = detect_in_directions(detector, image, 0.2, range(4), FakeFaceDetector())
        assert detector.calls == sizes
        assert found.boxes.tolist() == [[20, 20, 40, 40]] * (len(sizes) if len(sizes) > 1 else 0)


def test_a_crop_that_is_not_looked_at_at_all_shows_nothing() -> None:
    found = detect_in_directions(
        FakeFaceDetector(), np.full((HEIGHT, WIDTH, 3), 128, np.uint8), 0.2, (1,), FakeFaceDetector()
    )
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_a_failure_of_the_faster_detector_is_an_error() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    with pytest.raises(FrameAnalysisError):
        detect_in_directions(FakeFaceDetector(), image, 0.2, range(4), FakeFaceDetector(broken=True))
