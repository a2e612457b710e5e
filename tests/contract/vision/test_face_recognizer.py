"""Contract of face recognisers: the fake and the real ones."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes.recognition import FakeFaceRecognizer
from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.recognition.arcface import ArcFace
from framecloak.adapters.vision.recognition.dlib_resnet import DlibResNet
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.models import FaceRecognizer
from support.samples import images, onnx_models

MAKERS: dict[str, Callable[[Path], FaceRecognizer]] = {
    "fake": lambda _: FakeFaceRecognizer(),
    "dlib": lambda models: DlibResNet.load(models, Provider.CPU),
    "arcface": lambda models: ArcFace.load(onnx_models.write_arcface_pack(models / "tiny"), Provider.CPU),
    "arcface-one-by-one": lambda models: ArcFace.load(
        onnx_models.write_arcface_pack(models / "tiny", batch=1), Provider.CPU
    ),
}


@pytest.fixture(scope="module", params=MAKERS)
def recognizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FaceRecognizer:
    return MAKERS[request.param](tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def photograph() -> Image:
    return images.group_photo()


@pytest.fixture(scope="module")
def landmarks(photograph: Image, tmp_path_factory: pytest.TempPathFactory) -> FloatArray:
    detector = CenterFace.load(tmp_path_factory.mktemp("models"), Provider.CPU, Precision.FP32)
    return detector.detect([photograph], 0.5)[0].landmarks


def in_batches(recognizer: FaceRecognizer, chips: Image) -> FloatArray:
    step = recognizer.max_batch
    return np.concatenate(
        [recognizer.embed(chips[start : start + step]) for start in range(0, len(chips), step)]
    )


def test_no_faces_give_no_vectors(recognizer: FaceRecognizer, photograph: Image) -> None:
    chips = recognizer.align(photograph, np.empty((0, 5, 2), np.float32))
    assert len(chips) == 0
    assert recognizer.embed(chips).shape == (0, recognizer.space.dimension)


def test_vectors_are_float32_of_unit_length_in_the_space(
    recognizer: FaceRecognizer, photograph: Image, landmarks: FloatArray
) -> None:
    chips = recognizer.align(photograph, landmarks)
    assert chips.dtype == np.uint8
    assert chips.shape == (len(landmarks), chips.shape[1], chips.shape[1], 3)
    vectors = in_batches(recognizer, chips)
    assert (vectors.dtype, vectors.shape) == (np.float32, (6, recognizer.space.dimension))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_face_has_the_same_vector_alone_and_among_others(
    recognizer: FaceRecognizer, photograph: Image, landmarks: FloatArray
) -> None:
    chips = recognizer.align(photograph, landmarks)
    alone = np.concatenate([recognizer.embed(chip[np.newaxis]) for chip in chips])
    np.testing.assert_allclose(in_batches(recognizer, chips), alone, atol=1e-4)


def test_a_magnified_face_has_nearly_the_same_vector(
    recognizer: FaceRecognizer, photograph: Image, landmarks: FloatArray
) -> None:
    larger = np.asarray(cv2.resize(photograph, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.uint8)
    usual = in_batches(recognizer, recognizer.align(photograph, landmarks))
    magnified = in_batches(recognizer, recognizer.align(larger, landmarks * 3 + 1))
    assert (usual * magnified).sum(axis=1).min() > 0.97


def test_different_faces_have_different_vectors(
    recognizer: FaceRecognizer, photograph: Image, landmarks: FloatArray
) -> None:
    vectors = in_batches(recognizer, recognizer.align(photograph, landmarks))
    assert np.triu(vectors @ vectors.T, 1).max() < 0.995


def test_a_face_at_the_border_is_aligned(recognizer: FaceRecognizer, photograph: Image) -> None:
    corner = np.array([[[-20, 10], [20, 10], [0, 30], [-15, 50], [15, 50]]], np.float32)
    chips = recognizer.align(photograph, corner)
    assert np.isfinite(recognizer.embed(chips)).all()


def test_too_many_faces_are_refused(recognizer: FaceRecognizer, photograph: Image) -> None:
    side = recognizer.align(photograph, np.ones((1, 5, 2), np.float32)).shape[1]
    with pytest.raises(ValueError, match=r"too many|at most"):
        recognizer.embed(np.zeros((recognizer.max_batch + 1, side, side, 3), np.uint8))


def test_faces_of_another_size_are_refused(recognizer: FaceRecognizer) -> None:
    with pytest.raises(ValueError, match=r"shape|are not"):
        recognizer.embed(np.zeros((1, 17, 17, 3), np.uint8))


def test_threads_can_share_a_recogniser_and_the_input_is_unchanged(
    recognizer: FaceRecognizer, photograph: Image, landmarks: FloatArray
) -> None:
    before = photograph.copy()
    expected = in_batches(recognizer, recognizer.align(photograph, landmarks))

    def work(_: int) -> FloatArray:
        return in_batches(recognizer, recognizer.align(photograph, landmarks))

    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(work, range(8)):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert (photograph == before).all()


def test_the_space_is_identified_by_the_model_file(recognizer: FaceRecognizer) -> None:
    assert recognizer.space.sha256 == recognizer.card.sha256
    assert recognizer.card.name.startswith(recognizer.space.name)
