"""What every face detector promises, on the fake and on the real ones."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fakes.vision import FakeFaceDetector, plant_face
from framecloak.adapters.vision.detection.centerface import CenterFace, build_graph
from framecloak.adapters.vision.detection.scrfd import Scrfd
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.ports.models import FaceDetector
from support.samples import images, onnx_models


@dataclass(frozen=True)
class Case:
    """A detector, a picture that it must find faces in, and where they are."""

    detector: FaceDetector
    picture: Image
    boxes: np.ndarray


def fake(_: Path) -> Case:
    picture = np.full((256, 320, 3), 90, np.uint8)
    boxes = [(20, 30, 60, 80), (200, 100, 250, 170), (100, 180, 120, 210)]
    for box, score in zip(boxes, (0.7, 0.95, 0.6), strict=True):
        plant_face(picture, box, score)
    return Case(FakeFaceDetector(), picture, np.array(boxes, float))


def centerface(precision: Precision) -> Callable[[Path], Case]:
    def make(models: Path) -> Case:
        detector = CenterFace.load(models, Provider.CPU, precision)
        return Case(detector, images.group_photograph(), images.GROUP_BOXES)

    return make


def centerface_in_fp16(models: Path) -> Case:
    """The graph for GPUs, with its outputs bound, as far as a CPU can run it."""
    graph = build_graph(models, Precision.FP16)
    session = open_session(graph.content, Provider.CPU)
    session.uses_io_binding = True
    card = ModelCard(CENTERFACE.name, graph.sha256, CENTERFACE.licence, "CPU", "fp16")
    return Case(CenterFace(session, card), images.group_photograph(), images.GROUP_BOXES)


def scrfd(models: Path) -> Case:
    picture = np.full((256, 320, 3), 90, np.uint8)
    cells = [(8, 4, 5), (16, 10, 8), (32, 2, 6)]
    boxes = [onnx_models.plant(picture, *cell) for cell in cells]
    pack = onnx_models.write_scrfd_pack(models / "tiny")
    return Case(Scrfd.load(pack, Provider.CPU), picture, np.array(boxes))


CASES = {
    "fake": fake,
    "centerface-fp32": centerface(Precision.FP32),
    "centerface-fp16": centerface_in_fp16,
    "centerface-int8": centerface(Precision.INT8),
    "scrfd": scrfd,
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return CASES[request.param](tmp_path_factory.mktemp("models"))


def one(case: Case, picture: Image, threshold: float = 0.5) -> Detections:
    (found,) = case.detector.detect([picture], threshold)
    return found


def test_no_pictures_give_no_answers(case: Case) -> None:
    assert case.detector.detect([], 0.5) == []


def test_an_empty_picture_has_no_faces(case: Case) -> None:
    found = one(case, np.full((96, 128, 3), 90, np.uint8))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.landmarks.shape == (0, 5, 2)


def test_every_face_is_found_once_in_pixels_of_the_picture(case: Case) -> None:
    found = one(case, case.picture)
    assert len(found) == len(case.boxes)
    overlaps = images.overlaps(case.boxes, found.boxes)
    assert overlaps.max(axis=1).min() > 0.7
    assert sorted(overlaps.argmax(axis=1)) == list(range(len(case.boxes)))


def test_answers_are_float32_best_first(case: Case) -> None:
    found = one(case, case.picture, 0.2)
    assert {found.boxes.dtype, found.scores.dtype, found.landmarks.dtype} == {np.dtype(np.float32)}
    assert (np.diff(found.scores) <= 0).all()
    assert 0.2 <= found.scores.min() <= found.scores.max() <= 1


def test_the_threshold_cuts_at_its_score(case: Case) -> None:
    best = one(case, case.picture, 0.2).scores[0]
    assert (one(case, case.picture, best).scores == best).all()
    assert len(one(case, case.picture, np.nextafter(best, np.float32(2)))) == 0


def test_landmarks_lie_inside_the_box_and_left_is_left(case: Case) -> None:
    found = one(case, case.picture)
    low, high = found.boxes[:, None, :2], found.boxes[:, None, 2:]
    assert ((found.landmarks > low) & (found.landmarks < high)).all()
    left_eye, right_eye, _, left_mouth, right_mouth = found.landmarks.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (left_eye[:, 1] < left_mouth[:, 1]).all()


def test_a_batch_keeps_its_order(case: Case) -> None:
    blank = np.full_like(case.picture, 90)
    batch = [blank, case.picture, blank, case.picture][: case.detector.max_batch]
    counts = [len(found) for found in case.detector.detect(batch, 0.5)]
    assert counts == [0, len(case.boxes), 0, len(case.boxes)][: len(batch)]


def test_too_many_pictures_are_refused(case: Case) -> None:
    with pytest.raises(ValueError, match=r"too many|at most"):
        case.detector.detect([case.picture] * (case.detector.max_batch + 1), 0.5)


def test_a_size_off_the_stride_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="multiples"):
        case.detector.detect([np.zeros((case.detector.stride + 1, 64, 3), np.uint8)], 0.5)


def test_threads_share_a_detector_and_the_input_is_left_alone(case: Case) -> None:
    before = case.picture.copy()
    expected = one(case, case.picture)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: one(case, case.picture), range(8)))
    for found in answers:
        np.testing.assert_array_equal(found.boxes, expected.boxes)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.landmarks, expected.landmarks)
    np.testing.assert_array_equal(case.picture, before)


def test_the_card_names_the_model(case: Case) -> None:
    card = case.detector.card
    assert card.name
    assert len(card.sha256) == 64
    assert card.provider == "CPU"
    assert card.precision in {"fp32", "fp16", "int8"}
