"""Looks in other shapes: which frames they are at, and what they see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest

from fakes.media import FakeFrame, FakeSource, face_image
from framecloak.domain.anonymization.detection.pixel_aspect import LOOK_PX, ShapeLooks, look_at
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.imaging.pixel_aspect import AspectOrigin, ShapeEvidence
from framecloak.domain.model.segments import Segment
from support.samples.scripted_video import ScriptedFrame


@dataclass
class WideFacesDetector:
    """Detects two faces in images that are at least twice as wide as high."""

    broken: bool = False
    stride: int = 32
    max_batch: int = 1
    sizes: list[tuple[int, int]] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("wide", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        if self.broken:
            raise FrameAnalysisError("not a number")
        assert threshold == 0.5
        (image,) = images
        height, width = image.shape[:2]
        self.sizes.append((width, height))
        found = 2 if width >= 2 * height else 0
        return [
            Detections(
                np.zeros((found, 4), np.float32),
                np.full(found, 0.75, np.float32),
                np.zeros((found, 5, 2), np.float32),
            )
        ]


def test_a_frame_is_looked_at_in_three_shapes_of_one_area() -> None:
    detector = WideFacesDetector()
    frame = FakeFrame(0, np.zeros((1080, 1080, 3), np.uint8))
    assert look_at(frame, detector) == ShapeEvidence(0, 1500, 0)
    (square, wide, tall) = detector.sizes
    assert square[0] == square[1]
    assert wide == tall[::-1]
    assert all(width * height == pytest.approx(LOOK_PX, rel=0.15) for width, height in detector.sizes)


def test_small_frames_are_enlarged_along_one_axis_only() -> None:
    detector = WideFacesDetector()
    look_at(FakeFrame(0, face_image(0)), detector)
    assert detector.sizes == [(64, 64), (128, 64), (64, 128)]


def test_a_failed_look_is_no_evidence() -> None:
    assert look_at(ScriptedFrame(0, lost=True), WideFacesDetector()) == ShapeEvidence()
    assert look_at(FakeFrame(0, face_image(0)), WideFacesDetector(broken=True)) == ShapeEvidence()


def test_looks_count_in_the_video_and_begin_with_each_segment() -> None:
    looks = ShapeLooks.for_source(FakeSource("a.mp4", 200).info, [Segment(10, 60), Segment(97, 150)])
    assert looks is not None
    assert [index for index in range(200) if looks.are_due(index)] == [0, 10, 48, 96, 97, 144, 192]


@pytest.mark.parametrize(
    ("origin", "is_looked_at"),
    [
        (AspectOrigin.SQUARE, True),
        (AspectOrigin.IMPLAUSIBLE, True),
        (AspectOrigin.DECLARED, False),
        (AspectOrigin.OPTION, False),
    ],
)
def test_sources_of_a_known_shape_and_images_are_not_looked_at(
    origin: AspectOrigin, *, is_looked_at: bool
) -> None:
    info = replace(FakeSource("a.mp4", 200).info, aspect_origin=origin, pixel_aspect=Fraction(1))
    assert (ShapeLooks.for_source(info, [Segment(0, 200)]) is not None) is is_looked_at
    assert ShapeLooks.for_source(replace(info, continuous=False), [Segment(0, 1)]) is None
