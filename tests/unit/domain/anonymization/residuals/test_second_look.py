"""The second look fills replaced pixels from their surroundings, and detects again in what is visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framecloak.domain.anonymization.residuals.inpainting import scaled_crop
from framecloak.domain.anonymization.residuals.second_look import FACE_SIDES_PX, SecondLook
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard

WIDTH, HEIGHT = 320, 240
RED = 200
FACE = (120, 90, 180, 150)


@dataclass
class RedDetector:
    """Detects the bounding box of all red pixels, or of all black ones.

    Attributes:
        score: score of what it detects.
        detects_black: whether it takes black boxes for faces, as detectors do.
    """

    score: float = 0.9
    detects_black: bool = False
    broken: bool = False
    stride: int = 32
    max_batch: int = 1
    seen: list[Image] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("red", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        assert image.dtype == np.uint8
        assert image.shape[0] % self.stride == image.shape[1] % self.stride == 0
        if self.broken:
            raise FrameAnalysisError("not a number")
        self.seen.append(image)
        red = image[:, :, 0] > image[:, :, 1].astype(int) + 60
        rows, columns = np.nonzero(~image.any(axis=2) if self.detects_black else red)
        if not len(rows) or self.score < threshold:
            return [Detections.empty()]
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return [
            Detections(
                np.array([box], np.float32),
                np.array([self.score], np.float32),
                np.zeros((1, 5, 2), np.float32),
            )
        ]


def judged(
    detector: RedDetector, box: tuple[int, int, int, int], hidden: Sequence[tuple[int, int, int, int]]
) -> bool:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[FACE[1] : FACE[3], FACE[0] : FACE[2]] = (RED, 60, 60)
    visible = np.ones((HEIGHT, WIDTH), bool)
    for x1, y1, x2, y2 in hidden:
        image[y1:y2, x1:x2] = 0
        visible[y1:y2, x1:x2] = False
    x1, y1, x2, y2 = box
    share = 1 - visible[y1:y2, x1:x2].mean()
    boxes = np.array([box], np.float64)
    (answer,) = SecondLook(detector).confirmed(image, visible, boxes, np.array([share])).tolist()
    return bool(answer)


def test_what_only_black_boxes_cause_is_rejected() -> None:
    boxes = [(20, 20, 60, 60), (70, 20, 110, 60)]
    assert not judged(RedDetector(detects_black=True), (30, 20, 100, 60), boxes)


@pytest.mark.parametrize("covered", [0.3, 0.5])
def test_the_visible_part_of_a_face_is_confirmed(covered: float) -> None:
    x1, y1, x2, y2 = FACE
    hidden = (0, y1 - 20, round(x1 + covered * (x2 - x1)), y2 + 20)
    assert judged(RedDetector(), FACE, [hidden])


def test_the_more_is_covered_the_more_must_be_seen() -> None:
    x1, y1, x2, y2 = FACE
    for covered, score, expected in ((0.3, 0.12, True), (0.6, 0.12, False), (0.6, 0.2, True)):
        hidden = (x1 - 40, y1 - 10, round(x1 + covered * (x2 - x1)), y2 + 10)
        assert judged(RedDetector(score), FACE, [hidden]) is expected


def test_untouched_and_entirely_covered_detections_need_no_look() -> None:
    detector = RedDetector()
    assert judged(detector, FACE, [(0, 0, 40, 40)])
    assert not judged(detector, FACE, [(100, 80, 200, 170)])
    assert not detector.seen


@given(
    x=st.integers(0, WIDTH - 8),
    y=st.integers(0, HEIGHT - 8),
    width=st.integers(4, WIDTH),
    height=st.integers(4, HEIGHT),
)
@settings(deadline=None)
def test_crops_are_small_wherever_the_detection_is(x: int, y: int, width: int, height: int) -> None:
    detector = RedDetector(score=0.0)
    box = (x, y, min(x + width, WIDTH), min(y + height, HEIGHT))
    half = (x, y, x + max(1, (box[2] - x) // 2), box[3])
    assert judged(detector, box, [half]) is (not detector.seen)
    assert all(max(image.shape) <= 3 * max(FACE_SIDES_PX) + 32 for image in detector.seen)


def test_a_detector_that_fails_is_an_error() -> None:
    with pytest.raises(FrameAnalysisError):
        judged(RedDetector(broken=True), FACE, [(0, 80, 140, 170)])


@given(
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    scaled=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_hidden_pixels_leave_no_trace(size: tuple[int, int], scaled: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    visible = rng.random((size[1], size[0])) < 0.5
    image = np.where(visible[..., None], np.uint8(90), np.uint8(0)).repeat(3, axis=2)
    filled = scaled_crop(image, visible, scaled)
    assert filled.shape == (scaled[1], scaled[0], 3)
    values = set(np.unique(filled).tolist())
    assert values <= {89, 90, 91} or values == {127}


def test_visible_pixels_stay_and_gaps_are_blended() -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32], image[:, 64:] = 40, 200
    visible = np.ones((64, 96), bool)
    visible[:, 32:64] = False
    filled = scaled_crop(image, visible, (96, 64))
    assert (filled[:, :32] == 40).all()
    assert (filled[:, 64:] == 200).all()
    steps = filled[32, 30:66, 0].astype(int)
    assert (np.diff(steps) >= -1).all()
    assert steps[2:-2].min() >= 40
    assert steps[2:-2].max() <= 200
