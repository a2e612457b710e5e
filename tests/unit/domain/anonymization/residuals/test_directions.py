"""Boxes from turned images are in the pixels of the upright image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.residuals.directions import detect_in_directions
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
