"""Face detection in one image, for recognition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes.recognition import FakeImageFrame
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.reid.face_search import detect_faces

SCENE = np.zeros((200, 300, 3), np.uint8)
SCENE[60:80, 100:130] = 255  # a face: five landmarks along its upper border, as long as it is upright
SCENE[60:70, 100:130, 0] = 128


@dataclass
class UprightDetector:
    """Detects the face only where its upper half is darker in red than its lower half."""

    sizes: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("upright", "0" * 64, "none", "CPU", "fp32"))
    stride: int = 4
    max_batch: int = 1

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        self.sizes.append((image.shape[1], image.shape[0]))
        rows, columns = np.nonzero(image[:, :, 1] == 255)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        middle = (top + bottom) // 2
        upper, lower = image[top:middle, left:right, 0], image[middle:bottom, left:right, 0]
        if not (upper == 128).all() or (lower == 128).any():
            return Detections.empty()
        box = np.array([[left, top, right, bottom]], np.float32)
        landmarks = np.array([[(left + i, top + 1) for i in range(5)]], np.float32)
        return Detections(box, np.array([0.9], np.float32), landmarks)


@pytest.mark.parametrize("turns", range(4))
def test_faces_in_turned_images_are_found_where_they_are(turns: int) -> None:
    image = np.ascontiguousarray(np.rot90(SCENE, turns))
    found = detect_faces(UprightDetector(), FakeImageFrame(image))
    rows, columns = np.nonzero(image[:, :, 1] == 255)
    assert found.boxes.tolist() == [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
    expected = [
        [(100, 61), (104, 61)],
        [(61, 200), (61, 196)],
        [(200, 139), (196, 139)],
        [(139, 100), (139, 104)],
    ]
    assert found.landmarks[0, [0, 4]].tolist() == [list(point) for point in expected[turns]]


def test_upright_images_are_not_turned() -> None:
    detector = UprightDetector()
    detect_faces(detector, FakeImageFrame(SCENE))
    assert detector.sizes == [(300, 200)]
