"""Second opinions: what crops show, and what confirms or refutes a detection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from fakes.media import FakeFrame, FakeSampler
from fakes.vision import LANDMARKS, FakeFaceDetector, paint_face
from framecloak.domain.anonymization.detection.directions import rotation
from framecloak.domain.anonymization.detection.faces import directions_of
from framecloak.domain.anonymization.detection.second_opinion import (
    CROP_SIDE_PX,
    FACE_SIDES_PX,
    REFUTING_SCORE,
    SecondOpinion,
)
from framecloak.domain.anonymization.model.detections import FrameDetections
from framecloak.domain.errors import FrameAnalysisError
from framecloak.domain.imaging.detections import Detections, Image, ModelCard

ACCEPT = 0.5
SIDE = 40.0
CENTRE = np.array([100.0, 70.0])


def position_frame() -> FakeFrame:
    """Return a frame whose pixels say where they are: red is x, green is y."""
    image = np.zeros((150, 200, 3), np.uint8)
    image[:, :, 2], image[:, :, 1] = np.arange(200), np.arange(150)[:, None]
    return FakeFrame(0, image)


@dataclass(frozen=True)
class Crop:
    """How a crop was cut from a position frame.

    Attributes:
        direction: degrees by which the frame was turned clockwise.
        is_mirrored: True if left and right are exchanged.
        zoom: pixels of the frame per pixel of the crop.
        centre: position of its centre in the frame.
    """

    direction: int
    is_mirrored: bool
    zoom: float
    centre: tuple[float, float]

    @classmethod
    def of(cls, image: Image) -> Crop:
        middle, step = CROP_SIDE_PX // 2, 24
        xy = image[:, :, :2].astype(float)
        across = (xy[middle, middle + step] - xy[middle, middle - step]) / (2 * step)
        down = (xy[middle + step, middle] - xy[middle - step, middle]) / (2 * step)
        degrees = np.degrees(np.arctan2(down[0], down[1]))
        return cls(
            int(round(degrees / 45) * 45 % 360),
            bool(across[0] * down[1] < across[1] * down[0]),
            float(np.hypot(*down)),
            tuple(xy[middle, middle].tolist()),
        )


@dataclass
class CropDetector:
    """Detects one face in the middle of a crop, with the score that a function returns.

    Attributes:
        score: returns the score for a crop; 0 for nothing.
        crops: the crops it was shown.
        offset: distance of the face from the middle, in pixels.
    """

    score: Callable[[Crop], float]
    offset: float = 0.0
    side: float = float(FACE_SIDES_PX[0])
    max_batch: int = 1
    stride: int = 32
    crops: list[Crop] = field(default_factory=list)
    card: ModelCard = field(default_factory=lambda: ModelCard("crops", "0" * 64, "none", "CPU", "fp32"))

    def detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        (image,) = images
        assert image.shape == (CROP_SIDE_PX, CROP_SIDE_PX, 3)
        self.crops.append(Crop.of(image))
        score = self.score(self.crops[-1])
        if score < threshold:
            return [Detections.empty()]
        low, high = (CROP_SIDE_PX / 2 + self.offset + sign * self.side / 2 for sign in (-1, 1))
        box = np.array([[low, low, high, high]], np.float32)
        landmarks = (low + self.side * LANDMARKS)[None].astype(np.float32)
        return [Detections(box, np.array([score], np.float32), landmarks)]


def detection(score: float, direction: int = 0) -> FrameDetections:
    box = np.concatenate([CENTRE - SIDE / 2, CENTRE + SIDE / 2])
    return FrameDetections(
        box[None],
        np.array([score]),
        np.zeros((1, 5, 2), np.float32),
        directions=np.array([direction]),
    )


def opinion(first: CropDetector, second: CropDetector | None = None) -> SecondOpinion:
    return SecondOpinion(first, second, FakeSampler())


def confirmed(
    first: CropDetector, score: float = 0.2, direction: int = 0, second: CropDetector | None = None
) -> FrameDetections:
    return opinion(first, second).examined(position_frame(), detection(score, direction), ACCEPT).confirmed


def test_a_face_is_shown_at_two_sizes_the_second_one_mirrored() -> None:
    detector = CropDetector(lambda _: 0.9)
    assert confirmed(detector).scores == pytest.approx([0.9])
    plain, mirrored = detector.crops
    assert (plain.direction, plain.is_mirrored) == (0, False)
    assert (mirrored.direction, mirrored.is_mirrored) == (0, True)
    assert (plain.zoom, mirrored.zoom) == pytest.approx([SIDE / side for side in FACE_SIDES_PX], abs=0.03)
    for crop in detector.crops:
        assert crop.centre == pytest.approx(CENTRE.tolist(), abs=1.0)


def test_without_a_second_detector_the_first_one_decides_alone() -> None:
    def divided(crop: Crop) -> float:
        return 0.2 if crop.is_mirrored else 0.75

    # Its mean score is 0.475.
    assert len(confirmed(CropDetector(divided), score=0.33).scores) == 1
    assert len(confirmed(CropDetector(divided), score=0.32).scores) == 0


def test_the_mean_of_both_detectors_counts() -> None:
    def run(first: float, second: float) -> int:
        def upright(score: float) -> CropDetector:
            return CropDetector(lambda crop: score if crop.direction == 0 else 0.0)

        return len(confirmed(upright(first), second=upright(second)).scores)

    assert run(0.4, 0.82) == 1
    assert run(0.4, 0.78) == 0


def test_a_confirmed_detection_is_accepted_with_the_box_of_the_best_view() -> None:
    found = confirmed(CropDetector(lambda _: 0.46, side=36.0), score=0.35)
    assert found.scores.tolist() == [ACCEPT]
    half = 18 * SIDE / FACE_SIDES_PX[0]
    assert found.boxes[0] == pytest.approx([*(CENTRE - half), *(CENTRE + half)], abs=0.01)
    assert directions_of(found).tolist() == [0]


@pytest.mark.parametrize("better", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize("direction", [0, 90])
def test_landmarks_keep_left_and_right_whichever_view_is_better(better: bool, direction: int) -> None:
    detector = CropDetector(lambda crop: 0.9 if crop.is_mirrored is better else 0.7)
    found = confirmed(detector, direction=direction)
    assert found.landmarks is not None
    side = FACE_SIDES_PX[better]
    extent = SIDE * FACE_SIDES_PX[0] / side
    upright = (LANDMARKS - 0.5) * extent
    assert found.landmarks[0] == pytest.approx(CENTRE + upright @ rotation(direction), abs=0.01)


@pytest.mark.parametrize(("tilt", "direction"), [(45, 45), (-45, 315)])
def test_a_tilted_face_is_found_between_the_directions(tilt: int, direction: int) -> None:
    detector = CropDetector(lambda crop: 0.6 if crop.direction == tilt % 360 else REFUTING_SCORE)
    found = confirmed(detector)
    assert directions_of(found).tolist() == [direction]
    # In a direction in which nobody was found, more is needed.
    weaker = CropDetector(lambda crop: 0.49 if crop.direction == tilt % 360 else REFUTING_SCORE)
    assert len(confirmed(weaker).scores) == 0


@pytest.mark.parametrize("score", [0.2, 0.45])
@pytest.mark.parametrize("seen", [0.0, REFUTING_SCORE - 0.01])
def test_where_nothing_shows_the_neighbouring_directions_are_not_looked_in(score: float, seen: float) -> None:
    detector = CropDetector(lambda crop: seen if crop.direction == 0 else 0.9)
    assert len(confirmed(detector, score).scores) == 0
    assert {crop.direction for crop in detector.crops} == {0}


@pytest.mark.parametrize(("seen", "nothing"), [(0.0, True), (REFUTING_SCORE + 0.01, False), (0.9, False)])
def test_what_shows_nothing_is_told_from_what_is_only_not_confirmed(seen: float, nothing: bool) -> None:
    second = opinion(CropDetector(lambda _: seen))
    weak = detection(0.2)
    assert second.examined(position_frame(), weak, ACCEPT).shows_nothing.tolist() == [nothing]


def test_where_people_are_turned_they_need_no_more_evidence_than_upright_ones() -> None:
    detector = CropDetector(lambda crop: 0.47 if crop.direction == 90 else 0.0)
    weak = detection(0.34, 90)
    assert len(opinion(detector).examined(position_frame(), weak, ACCEPT).confirmed.scores) == 0
    found = opinion(detector).examined(position_frame(), weak, ACCEPT, frozenset({0, 90})).confirmed
    assert directions_of(found).tolist() == [90]


@pytest.mark.parametrize(("offset", "side"), [(30.0, 48.0), (0.0, 110.0), (0.0, 20.0)])
def test_another_face_in_the_crop_confirms_nothing(offset: float, side: float) -> None:
    assert len(confirmed(CropDetector(lambda _: 0.9, offset, side)).scores) == 0


def test_only_what_shows_nothing_to_anyone_is_refuted() -> None:
    def refuted(first: float, second: float) -> bool:
        both = opinion(CropDetector(lambda _: first), CropDetector(lambda _: second))
        (result,) = both.refuted(position_frame(), detection(0.6))
        return bool(result)

    assert refuted(0.0, 0.0)
    assert refuted(REFUTING_SCORE - 0.01, 0.0)
    assert not refuted(REFUTING_SCORE + 0.01, 0.0)
    assert not refuted(0.0, REFUTING_SCORE + 0.01)


def test_nothing_is_looked_at_where_nothing_is_asked() -> None:
    detector = CropDetector(lambda _: 0.9)
    nothing = FrameDetections.empty()
    assert not len(opinion(detector).examined(position_frame(), nothing, ACCEPT).confirmed.scores)
    assert not len(opinion(detector).refuted(position_frame(), nothing))
    assert detector.crops == []


def test_only_the_surroundings_of_a_small_face_are_read() -> None:
    read: list[tuple[int, int, int, int]] = []

    class Observed(FakeFrame):
        def rgb(self, width: int, height: int) -> Image:
            raise AssertionError("the whole frame was read")

        def rgb_part(self, left: int, top: int, width: int, height: int) -> Image:
            read.append((left, top, width, height))
            return np.ascontiguousarray(self.bgr()[top : top + height, left : left + width, ::-1])

    frame = Observed(0, np.zeros((600, 800, 3), np.uint8))
    opinion(CropDetector(lambda _: 0.4), CropDetector(lambda _: 0.4)).examined(frame, detection(0.45), ACCEPT)
    reach = SIDE * CROP_SIDE_PX / min(FACE_SIDES_PX) / 2
    for left, top, width, height in read:
        assert left <= max(0, CENTRE[0] - reach)
        assert top <= max(0, CENTRE[1] - reach)
        assert left + width >= CENTRE[0] + reach
        assert top + height >= CENTRE[1] + reach
        assert width * height < 800 * 600 / 4
    assert read


def test_a_face_that_the_border_cuts_continues_beyond_it() -> None:
    image = np.full((96, 160, 3), 128, np.uint8)
    paint_face(image, (0, 40, 12, 64))
    frame = FakeFrame(0, np.ascontiguousarray(image[:, :, ::-1]))
    weak = FrameDetections(
        np.array([[0.0, 40.0, 12.0, 64.0]]), np.array([0.3]), np.zeros((1, 5, 2), np.float32)
    )
    found = SecondOpinion(FakeFaceDetector(), None, FakeSampler()).examined(frame, weak, ACCEPT).confirmed
    # The crop shows the whole head: what is visible of it, and its mirror image.
    assert found.boxes[0] == pytest.approx([-12.0, 40.0, 12.0, 64.0], abs=1.0)


def test_a_detector_that_fails_is_no_opinion() -> None:
    with pytest.raises(FrameAnalysisError):
        SecondOpinion(FakeFaceDetector(broken=True), None, FakeSampler()).examined(
            position_frame(), detection(0.3), ACCEPT
        )
