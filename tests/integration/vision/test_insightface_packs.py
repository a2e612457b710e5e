"""InsightFace packs: SCRFD graphs and the choice of the detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from framecloak.adapters.vision.detection.centerface import CenterFace
from framecloak.adapters.vision.detection.factory import choose_detector
from framecloak.adapters.vision.detection.scrfd import Scrfd, batches_correctly, decode, is_scrfd
from framecloak.adapters.vision.runtime.onnx import LazyOutputs, OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import record_digests
from framecloak.domain.errors import (
    FrameAnalysisError,
    InvalidOptionError,
    ModelCorruptError,
    ModelMissingError,
)
from framecloak.domain.imaging.detections import ModelCard
from support.samples import images, onnx_models

CARD = ModelCard("tiny/det_tiny", "0" * 64, "unknown", "CPU", "fp32")


def tiny(max_batch: int = 1, **options: bool | int) -> Scrfd:
    return Scrfd(session(**options), CARD, max_batch)


def session(**options: bool | int) -> OnnxSession:
    return open_session(onnx_models.scrfd_bytes(**options), Provider.CPU)


def grey_image(height: int = 128, width: int = 192) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 90, np.uint8)


@pytest.mark.parametrize("stride", onnx_models.STRIDES)
def test_a_planted_face_is_detected_exactly(stride: int) -> None:
    image = grey_image()
    box = onnx_models.plant(image, stride, 2, 3)
    (detections,) = tiny().detect([image], 0.5)
    np.testing.assert_allclose(detections.boxes, [box], atol=1e-3)
    corner = np.array([3 * stride, 2 * stride])
    expected = corner + np.reshape(onnx_models.LANDMARKS, (5, 2)) * stride
    np.testing.assert_allclose(detections.landmarks[0], expected, atol=1e-3)


def test_detections_equal_those_of_insightface(tmp_path: Path) -> None:
    from insightface.model_zoo.scrfd import SCRFD

    path = tmp_path / "det.onnx"
    path.write_bytes(onnx_models.scrfd_bytes())
    image = grey_image(256, 320)
    for cell in ((8, 4, 5), (8, 20, 30), (16, 10, 8), (32, 2, 6)):
        onnx_models.plant(image, *cell)
    theirs, their_landmarks = SCRFD(str(path)).detect(
        np.ascontiguousarray(image[:, :, ::-1]), input_size=(320, 256), det_thresh=0.5
    )
    (ours,) = tiny().detect([image], 0.5)
    assert len(ours) == 4
    theirs_in_order = np.lexsort(theirs[:, :2].T)
    ours_in_order = np.lexsort(ours.boxes[:, :2].T)
    np.testing.assert_allclose(ours.boxes[ours_in_order], theirs[theirs_in_order, :4], atol=1e-3)
    np.testing.assert_allclose(ours.scores[ours_in_order], theirs[theirs_in_order, 4], atol=1e-5)
    np.testing.assert_allclose(ours.landmarks[ours_in_order], their_landmarks[theirs_in_order], atol=1e-3)


def test_a_graph_without_landmarks_gets_typical_ones() -> None:
    image = grey_image()
    onnx_models.plant(image, 16, 2, 3)
    (detections,) = tiny(landmarks=False).detect([image], 0.5)
    low, high = detections.boxes[:, None, :2], detections.boxes[:, None, 2:]
    assert ((detections.landmarks > low) & (detections.landmarks < high)).all()


def test_a_pack_with_lazy_outputs_gives_the_same_detections() -> None:
    batch = [grey_image(), grey_image()]
    box = onnx_models.plant(batch[1], 16, 2, 3)
    bound = session(batch=True)
    bound.uses_io_binding = True
    detector = Scrfd(bound, CARD, 2)
    assert [len(faces) for faces in detector.detect([batch[0]], 0.5)] == [0]
    detections = detector.detect(batch, 0.5)
    assert [len(faces) for faces in detections] == [0, 1]
    np.testing.assert_allclose(detections[1].boxes, [box], atol=1e-3)


def test_scores_that_are_not_numbers_are_an_error() -> None:
    class Blind(OnnxSession):
        """A session whose scores are not numbers."""

        def run_lazily(
            self, batch: NDArray[np.uint8] | NDArray[np.float32], eager_outputs: int
        ) -> LazyOutputs:
            outputs = super().run_lazily(batch, eager_outputs)
            return LazyOutputs(lambda number: outputs[number] * np.float32(np.nan))

    blind = Blind.__new__(Blind)
    blind.__dict__ |= session().__dict__
    with pytest.raises(FrameAnalysisError, match="scores"):
        Scrfd(blind, CARD).detect([grey_image()], 0.5)


def test_images_are_letterboxed_to_a_fixed_input_size() -> None:
    image = grey_image(256, 512)
    image[96:128, 128:160] = (0, 255, 0)  # a green cell of 16 pixels once it is half as large
    (detections,) = tiny(size=256).detect([image], 0.5)
    np.testing.assert_allclose(detections.boxes, [[96, 48, 192, 176]], atol=1e-3)


def test_batches_are_used_only_if_their_results_are_correct() -> None:
    assert batches_correctly(session(batch=True))
    assert not batches_correctly(session())
    assert not batches_correctly(session(scrambled=True))


def test_every_image_of_a_batch_has_its_own_faces() -> None:
    batch = [grey_image(), grey_image(), grey_image()]
    boxes = [onnx_models.plant(batch[0], 8, 2, 3), None, onnx_models.plant(batch[2], 32, 1, 2)]
    detections = tiny(4, batch=True).detect(batch, 0.5)
    assert [len(faces) for faces in detections] == [1, 0, 1]
    np.testing.assert_allclose(detections[0].boxes, [boxes[0]], atol=1e-3)
    np.testing.assert_allclose(detections[2].boxes, [boxes[2]], atol=1e-3)


@pytest.mark.parametrize(("output", "message"), [(0, "scores"), (1, "position"), (2, "position")])
def test_non_finite_outputs_fail_closed(output: int, message: str) -> None:
    outputs = [
        np.zeros(((64 // stride) ** 2 * 2, channels), np.float32)
        for channels in (1, 4, 10)
        for stride in onnx_models.STRIDES
    ]
    outputs[0][5] = 0.9
    outputs[output * 3][5] = np.nan
    with pytest.raises(FrameAnalysisError, match=message):
        decode(outputs, (64, 64), 0.5)


def test_only_scrfd_graphs_are_recognized_as_detectors() -> None:
    assert is_scrfd(session())
    assert is_scrfd(session(landmarks=False, batch=True))
    assert not is_scrfd(open_session(onnx_models.identity_bytes(), Provider.CPU))


def test_the_detector_of_a_pack_is_found_among_other_graphs(tmp_path: Path) -> None:
    folder = onnx_models.write_scrfd_pack(tmp_path / "buffalo_l")
    (folder / "det_tiny.onnx").rename(folder / "zzz.onnx")
    card = Scrfd.load(folder, Provider.CPU).card
    assert (card.name, card.licence) == ("buffalo_l/zzz", "non-commercial research only")


def test_a_pack_without_a_detector_is_refused(tmp_path: Path) -> None:
    folder = onnx_models.write_scrfd_pack(tmp_path / "half")
    (folder / "det_tiny.onnx").unlink()
    with pytest.raises(ModelMissingError, match="SCRFD"):
        Scrfd.load(folder, Provider.CPU)


def test_a_file_with_another_digest_is_refused(tmp_path: Path) -> None:
    folder = onnx_models.write_scrfd_pack(tmp_path / "own")
    record_digests(folder, {"det_tiny.onnx": "0" * 64})
    with pytest.raises(ModelCorruptError, match=r"det_tiny\.onnx"):
        Scrfd.load(folder, Provider.CPU)


def test_a_known_name_with_other_bytes_is_refused(tmp_path: Path) -> None:
    folder = onnx_models.write_scrfd_pack(tmp_path / "buffalo_l")
    (folder / "det_tiny.onnx").rename(folder / "det_10g.onnx")
    with pytest.raises(ModelCorruptError, match=r"det_10g\.onnx"):
        Scrfd.load(folder, Provider.CPU)


class TestChoice:
    def test_auto_prefers_a_pack(self, tmp_path: Path) -> None:
        assert isinstance(choose_detector("auto", tmp_path, Provider.CPU), CenterFace)
        onnx_models.write_scrfd_pack(tmp_path / "models" / "own")
        chosen = choose_detector("auto", tmp_path, Provider.CPU)
        assert isinstance(chosen, Scrfd)
        assert chosen.card.name == "own/det_tiny"

    def test_auto_prefers_packs_in_the_order_of_the_catalogue(self, tmp_path: Path) -> None:
        for name in ("a_pack", "buffalo_s", "buffalo_l"):
            onnx_models.write_scrfd_pack(tmp_path / name)
        assert choose_detector("auto", tmp_path, Provider.CPU).card.name == "buffalo_l/det_tiny"

    def test_auto_skips_a_pack_that_cannot_detect(self, tmp_path: Path) -> None:
        folder = onnx_models.write_scrfd_pack(tmp_path / "a_pack")
        (folder / "det_tiny.onnx").unlink()
        assert isinstance(choose_detector("auto", tmp_path, Provider.CPU), CenterFace)

    def test_auto_does_not_skip_a_damaged_pack(self, tmp_path: Path) -> None:
        folder = onnx_models.write_scrfd_pack(tmp_path / "a_pack")
        (folder / "det_tiny.onnx").write_bytes(b"damaged")
        with pytest.raises(ModelCorruptError):
            choose_detector("auto", tmp_path, Provider.CPU)

    def test_a_detector_is_chosen_by_name(self, tmp_path: Path) -> None:
        onnx_models.write_scrfd_pack(tmp_path / "own")
        assert choose_detector("own", tmp_path, Provider.CPU).card.name == "own/det_tiny"
        chosen = choose_detector("centerface", tmp_path, Provider.CPU)
        assert chosen.card.name == "centerface"
        assert len(chosen.detect([images.group_photo()], 0.5)[0]) == 6

    def test_an_unknown_name_lists_the_available_ones(self, tmp_path: Path) -> None:
        onnx_models.write_scrfd_pack(tmp_path / "own")
        with pytest.raises(ModelMissingError, match="nope") as raised:
            choose_detector("nope", tmp_path, Provider.CPU)
        assert "centerface, yunet, own" in raised.value.hint

    def test_fp16_is_refused_for_a_pack(self, tmp_path: Path) -> None:
        onnx_models.write_scrfd_pack(tmp_path / "own")
        with pytest.raises(InvalidOptionError, match="own has no fp16 graph"):
            choose_detector("own", tmp_path, precision=Precision.FP16)

    def test_int8_selects_centerface(self, tmp_path: Path) -> None:
        onnx_models.write_scrfd_pack(tmp_path / "own")
        assert choose_detector("auto", tmp_path, precision=Precision.INT8).card.precision == "int8"
        with pytest.raises(InvalidOptionError, match="own"):
            choose_detector("own", tmp_path, precision=Precision.INT8)
