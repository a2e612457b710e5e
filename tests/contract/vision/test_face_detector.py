"""Contract of face detectors: the fake and the real ones."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fakes.vision import FakeFaceDetector, paint_face
from framecloak.adapters.vision.detection.centerface import CenterFace, build_graph
from framecloak.adapters.vision.detection.scrfd import Scrfd
from framecloak.adapters.vision.detection.yunet import YuNet
from framecloak.adapters.vision.detection.yunet_graph import build
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE, YUNET_FILE
from framecloak.domain.imaging.detections import Detections, Image, ModelCard
from framecloak.domain.ports.models import FaceDetector
from support.samples import images, onnx_models, yunet_models


@dataclass(frozen=True)
class Case:
    """A detector, an image, and the boxes of the faces in it."""

    detector: FaceDetector
    image: Image
    boxes: np.ndarray


def fake(_: Path) -> Case:
    image = np.full((256, 320, 3), 90, np.uint8)
    boxes = [(20, 30, 60, 80), (200, 100, 250, 170), (100, 180, 120, 210)]
    for box, score in zip(boxes, (0.7, 0.95, 0.6), strict=True):
        paint_face(image, box, score)
    return Case(FakeFaceDetector(), image, np.array(boxes, float))


def centerface(precision: Precision) -> Callable[[Path], Case]:
    def make(models: Path) -> Case:
        detector = CenterFace.load(models, Provider.CPU, precision)
        return Case(detector, images.group_photo(), images.GROUP_BOXES)

    return make


def centerface_in_fp16(models: Path) -> Case:
    """Return the graph for GPUs with bound outputs, run on the CPU."""
    graph = build_graph(models, Precision.FP16)
    session = open_session(graph.content, Provider.CPU)
    session.uses_io_binding = True
    card = ModelCard(CENTERFACE.name, graph.sha256, CENTERFACE.licence, "CPU", "fp16")
    return Case(CenterFace(session, card), images.group_photo(), images.GROUP_BOXES)


def scrfd(models: Path) -> Case:
    image = np.full((256, 320, 3), 90, np.uint8)
    cells = [(8, 4, 5), (16, 10, 8), (32, 2, 6)]
    boxes = [onnx_models.plant(image, *cell) for cell in cells]
    pack = onnx_models.write_scrfd_pack(models / "tiny")
    return Case(Scrfd.load(pack, Provider.CPU), image, np.array(boxes))


def yunet(models: Path) -> Case:
    yunet_models.wheel_network()
    return Case(YuNet.load(models, Provider.CPU), images.group_photo(), images.GROUP_BOXES)


def yunet_from_a_file(models: Path) -> Case:
    published = yunet_models.published_bytes(yunet_models.wheel_network())
    (models / YUNET_FILE).write_bytes(published)
    return yunet(models)


def yunet_with_bound_outputs(models: Path) -> Case:
    """Return the detector as on a GPU, run on the CPU."""
    session = open_session(build(yunet_models.wheel_network()), Provider.CPU)
    session.uses_io_binding = True
    detector = YuNet(session, yunet(models).detector.card)
    return Case(detector, images.group_photo(), images.GROUP_BOXES)


CASES = {
    "fake": fake,
    "centerface-fp32": centerface(Precision.FP32),
    "centerface-fp16": centerface_in_fp16,
    "centerface-int8": centerface(Precision.INT8),
    "scrfd": scrfd,
    "yunet": yunet,
    "yunet-file": yunet_from_a_file,
    "yunet-bound": yunet_with_bound_outputs,
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return CASES[request.param](tmp_path_factory.mktemp("models"))


def detect(case: Case, image: Image, threshold: float = 0.5) -> Detections:
    (detections,) = case.detector.detect([image], threshold)
    return detections


def test_no_images_give_no_detections(case: Case) -> None:
    assert case.detector.detect([], 0.5) == []


def test_an_empty_image_has_no_faces(case: Case) -> None:
    detections = detect(case, np.full((96, 128, 3), 90, np.uint8))
    assert len(detections) == 0
    assert detections.boxes.shape == (0, 4)
    assert detections.landmarks.shape == (0, 5, 2)


def test_every_face_is_detected_once_in_pixel_coordinates(case: Case) -> None:
    detections = detect(case, case.image)
    assert len(detections) == len(case.boxes)
    overlaps = images.iou(case.boxes, detections.boxes)
    assert overlaps.max(axis=1).min() > 0.7
    assert sorted(overlaps.argmax(axis=1)) == list(range(len(case.boxes)))


def test_detections_are_float32_best_first(case: Case) -> None:
    detections = detect(case, case.image, 0.2)
    assert {detections.boxes.dtype, detections.scores.dtype, detections.landmarks.dtype} == {
        np.dtype(np.float32)
    }
    assert (np.diff(detections.scores) <= 0).all()
    assert 0.2 <= detections.scores.min() <= detections.scores.max() <= 1


def test_the_threshold_is_a_minimum_score(case: Case) -> None:
    best = detect(case, case.image, 0.2).scores[0]
    assert (detect(case, case.image, best).scores == best).all()
    assert len(detect(case, case.image, np.nextafter(best, np.float32(2)))) == 0


def test_landmarks_are_inside_the_box_and_in_order(case: Case) -> None:
    detections = detect(case, case.image)
    low, high = detections.boxes[:, None, :2], detections.boxes[:, None, 2:]
    assert ((detections.landmarks > low) & (detections.landmarks < high)).all()
    left_eye, right_eye, _, left_mouth, right_mouth = detections.landmarks.transpose(1, 0, 2)
    assert (left_eye[:, 0] < right_eye[:, 0]).all()
    assert (left_mouth[:, 0] < right_mouth[:, 0]).all()
    assert (left_eye[:, 1] < left_mouth[:, 1]).all()


def test_a_batch_keeps_its_order(case: Case) -> None:
    blank = np.full_like(case.image, 90)
    batch = [blank, case.image, blank, case.image][: case.detector.max_batch]
    counts = [len(detections) for detections in case.detector.detect(batch, 0.5)]
    assert counts == [0, len(case.boxes), 0, len(case.boxes)][: len(batch)]


def test_too_many_images_are_refused(case: Case) -> None:
    with pytest.raises(ValueError, match=r"too many|at most"):
        case.detector.detect([case.image] * (case.detector.max_batch + 1), 0.5)


def test_a_size_that_is_no_multiple_of_the_stride_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="multiples"):
        case.detector.detect([np.zeros((case.detector.stride + 1, 64, 3), np.uint8)], 0.5)


def test_threads_can_share_a_detector_and_the_input_is_unchanged(case: Case) -> None:
    before = case.image.copy()
    expected = detect(case, case.image)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: detect(case, case.image), range(8)))
    for detections in answers:
        np.testing.assert_array_equal(detections.boxes, expected.boxes)
        np.testing.assert_array_equal(detections.scores, expected.scores)
        np.testing.assert_array_equal(detections.landmarks, expected.landmarks)
    np.testing.assert_array_equal(case.image, before)


def test_the_card_names_the_model(case: Case) -> None:
    card = case.detector.card
    assert card.name
    assert len(card.sha256) == 64
    assert card.provider == "CPU"
    assert card.precision in {"fp32", "fp16", "int8"}
