"""CenterFace: decoding, its built graphs, and real images."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from framecloak.adapters.vision.detection.centerface import CenterFace, build_graph, decode, published_weights
from framecloak.adapters.vision.detection.centerface_calibration import CALIBRATION
from framecloak.adapters.vision.detection.nms import nms
from framecloak.adapters.vision.runtime.onnx import LazyOutputs, OnnxSession, Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.adapters.vision.weights.catalogue import CENTERFACE_SHA256
from framecloak.adapters.vision.weights.files import BuiltFile, sha256_of
from framecloak.domain.errors import FrameAnalysisError, InvalidOptionError, ModelMissingError
from framecloak.domain.imaging.detections import Detections, ModelCard
from support.samples import images, onnx_models

STREET = Path(__file__).parents[4] / "shared" / "data" / "street.mp4"


class FixedSession(OnnxSession):
    """A session that returns the same outputs for every input."""

    def __init__(self, outputs: list[NDArray[np.float32]]) -> None:
        real = open_session(onnx_models.identity_bytes(), Provider.CPU)
        self.provider, self.input, self.outputs = real.provider, real.input, real.outputs
        self.uses_io_binding = False
        self._outputs = outputs

    def run(self, batch: NDArray[np.uint8] | NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return self._outputs


class CountingSession(OnnxSession):
    """A session with lazy outputs that records which of them were fetched."""

    def __init__(self, graph: Path | bytes) -> None:
        real = open_session(graph, Provider.CPU)
        self.__dict__ |= real.__dict__ | {"uses_io_binding": True}
        self.fetched: list[int] = []

    def run_lazily(self, batch: NDArray[np.uint8] | NDArray[np.float32], eager_outputs: int) -> LazyOutputs:
        outputs = super().run_lazily(batch, eager_outputs)

        def fetch(number: int) -> NDArray[np.float32]:
            self.fetched.append(number)
            return outputs[number]

        return LazyOutputs(fetch)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def maps(rows: int = 8, columns: int = 16) -> list[NDArray[np.float32]]:
    """Return maps of heat, sizes, offsets and landmarks without a face."""
    return [np.zeros((*channels, rows, columns), np.float32) for channels in ((), (2,), (2,), (10,))]


def test_a_cell_decodes_to_its_box_and_landmarks() -> None:
    heat, sizes, offsets, landmarks = maps()
    heat[3, 5] = 0.8
    sizes[:, 3, 5] = np.log([6.0, 4.0])  # 24 pixels high, 16 wide
    offsets[:, 3, 5] = [0.25, -0.5]  # one pixel down, two to the left
    landmarks[:, 3, 5] = [0.25, 0.25, 0.25, 0.75, 0.5, 0.5, 0.75, 0.3, 0.75, 0.7]
    detections = decode(heat, sizes, offsets, landmarks, 0.8)
    centre_x, centre_y = (5 + 0.5) * 4 - 2, (3 + 0.5) * 4 + 1
    np.testing.assert_allclose(
        detections.boxes, [[centre_x - 8, centre_y - 12, centre_x + 8, centre_y + 12]], rtol=1e-5
    )
    np.testing.assert_allclose(detections.scores, [0.8])
    left, top = centre_x - 8, centre_y - 12
    expected = np.add([[4, 6], [12, 6], [8, 12], [4.8, 18], [11.2, 18]], [left, top])
    np.testing.assert_allclose(detections.landmarks[0], expected, rtol=1e-5)


def test_neighbouring_cells_of_one_face_become_one_box() -> None:
    heat, sizes, offsets, landmarks = maps()
    heat[3, 5:8] = [0.6, 0.9, 0.5]
    heat[6, 14] = 0.7
    sizes[:] = np.log(6.0)
    detections = decode(heat, sizes, offsets, landmarks, 0.3)
    np.testing.assert_allclose(detections.scores, [0.9, 0.7])


def test_a_detection_in_every_cell_is_decoded() -> None:
    heat, sizes, offsets, landmarks = maps(60, 80)
    heat[:] = 0.5
    assert len(decode(heat, sizes, offsets, landmarks, 0.5)) == 60 * 80


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("output", range(4))
def test_non_finite_outputs_fail_closed(output: int, value: float) -> None:
    outputs = maps()
    outputs[0][2, 2] = 0.9
    outputs[output][..., 2, 2] = value
    batch = [outputs[0][None, None], *(array[None] for array in outputs[1:])]
    detector = CenterFace(FixedSession(batch), ModelCard("fixed", "", "", "CPU", "fp32"))
    with pytest.raises(FrameAnalysisError):
        detector.detect([np.zeros((32, 64, 3), np.uint8)], 0.5)


def test_nms_keeps_the_best_of_each_cluster_in_order_of_score() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10], [0, 6, 10, 16]], np.float32)
    kept = nms(boxes, np.array([0.5, 0.9, 0.7, 0.6], np.float32), 0.3)
    assert kept.tolist() == [1, 2, 3]
    assert nms(boxes[:0], np.empty(0, np.float32), 0.3).tolist() == []


def test_equal_scores_keep_their_order() -> None:
    boxes = np.array([[20, 0, 30, 10], [0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    assert nms(boxes, np.full(3, 0.5, np.float32), 0.3).tolist() == [0, 1]


def test_the_wheel_contains_the_expected_weights() -> None:
    assert sha256_of(published_weights()) == CENTERFACE_SHA256
    assert json.loads(CALIBRATION.read_text())["model_sha256"] == CENTERFACE_SHA256


def test_without_the_wheel_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelMissingError) as raised:
        CenterFace.load(tmp_path, Provider.CPU)
    assert "pip install 'framecloak[embedded]'" in raised.value.hint


def test_a_graph_is_built_once_and_stored_with_its_digest(tmp_path: Path) -> None:
    first = build_graph(tmp_path, Precision.INT8)
    assert isinstance(first.content, Path)
    modified = first.content.stat().st_mtime_ns
    assert build_graph(tmp_path, Precision.INT8) == first
    assert first.content.stat().st_mtime_ns == modified
    assert sha256_of(first.content) == first.sha256
    names = sorted(path.name for path in first.content.parent.iterdir())
    assert names == [first.content.name, f"{first.content.name}.sha256"]


def test_a_damaged_graph_is_detected_and_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = build_graph(tmp_path, Precision.FP32)
    assert isinstance(first.content, Path)
    damaged = bytearray(first.content.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    first.content.write_bytes(damaged)
    assert build_graph(tmp_path, Precision.FP32) == first
    assert sha256_of(first.content) == first.sha256
    assert "has changed since it was built" in caplog.text


def test_a_folder_that_cannot_be_written_to_still_gives_a_detector(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    occupied = tmp_path / "models"
    occupied.write_text("a file where the folder should be")
    detector = CenterFace.load(occupied, Provider.CPU, Precision.FP32)
    assert len(detector.detect([images.group_photo()], 0.5)[0]) == 6
    assert "cannot be stored" in caplog.text


def test_int8_selects_the_cpu_on_auto_and_is_refused_on_a_gpu(models: Path) -> None:
    assert CenterFace.load(models, Provider.AUTO, Precision.INT8).card.precision == "int8"
    with pytest.raises(InvalidOptionError):
        CenterFace.load(models, Provider.CUDA, Precision.INT8)


def test_fp16_without_a_gpu_is_refused(models: Path) -> None:
    with pytest.raises(InvalidOptionError, match="fp16") as raised:
        CenterFace.load(models, Provider.CPU, Precision.FP16)
    assert "fp32" in raised.value.hint


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.1])
def test_fp16_gives_the_boxes_of_fp32_in_any_light(models: Path, gain: float) -> None:
    image = darkened(gain)
    exact, halved = (
        on_cpu(build_graph(models, precision)).detect([image], 0.1)[0]
        for precision in (Precision.FP32, Precision.FP16)
    )
    clear = exact.select(exact.scores >= 0.2)
    assert len(clear) >= 6
    matches = images.iou(clear.boxes, halved.boxes)
    assert matches.max(axis=1).min() > 0.97
    np.testing.assert_allclose(halved.scores[matches.argmax(axis=1)], clear.scores, atol=0.01)
    np.testing.assert_allclose(halved.landmarks[matches.argmax(axis=1)], clear.landmarks, atol=1)


def on_cpu(graph: BuiltFile) -> CenterFace:
    """Return a detector that runs a graph on the CPU, whatever its precision."""
    return CenterFace(open_session(graph.content, Provider.CPU), ModelCard("graph", "", "", "CPU", ""))


def test_only_the_scores_of_an_image_without_faces_are_fetched(models: Path) -> None:
    session = CountingSession(build_graph(models, Precision.FP32).content)
    detector = CenterFace(session, ModelCard("counting", "", "", "CPU", "fp32"))
    (detections,) = detector.detect([np.full((96, 128, 3), 90, np.uint8)], 0.5)
    assert (len(detections), session.fetched) == (0, [0])
    (detections,) = detector.detect([images.group_photo()], 0.5)
    assert (len(detections), session.fetched) == (6, [0, 0, 1, 2, 3])


def test_starting_does_not_import_build_dependencies() -> None:
    script = (
        "import sys, framecloak.adapters.vision.detection.centerface;"
        "print([m for m in ('onnx', 'onnxruntime.quantization') if m in sys.modules])"
    )
    source = Path(__file__).parents[3] / "namespace"
    completed = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout.strip() == "[]"


@pytest.mark.parametrize("gain", [1.0, 0.3, 0.1])
def test_int8_detects_the_faces_of_fp32_in_any_light(models: Path, gain: float) -> None:
    image = darkened(gain)
    exact, rounded = (
        CenterFace.load(models, Provider.CPU, precision).detect([image], 0.1)[0]
        for precision in (Precision.FP32, Precision.INT8)
    )
    clear = exact.select(exact.scores >= 0.2)
    assert len(clear) >= 6
    assert detected_share(clear, rounded) == 1
    assert images.iou(images.GROUP_BOXES, rounded.boxes).max(axis=1).min() > 0.6


def test_int8_misses_at_most_three_percent_of_the_street(models: Path) -> None:
    if not STREET.exists():
        pytest.skip("needs the shared footage beside the checkout")
    detectors = [CenterFace.load(models, Provider.CPU, p) for p in (Precision.FP32, Precision.INT8)]
    shares = []
    for frame in street_frames(step=15):
        for gain in (1.0, 0.15):
            image = np.clip(frame * gain, 0, 255).astype(np.uint8)
            exact, rounded = (detector.detect([image], 0.1)[0] for detector in detectors)
            clear = exact.select(exact.scores >= 0.2)
            shares += [
                detected_share(clear.select(np.array([index])), rounded) for index in range(len(clear))
            ]
    assert len(shares) > 80
    assert np.mean(shares) >= 0.97


def darkened(gain: float) -> NDArray[np.uint8]:
    """Return the group photograph in less light, with sensor noise."""
    noise = np.random.default_rng(3).normal(0, 3, (864, 1280, 3))
    return np.clip(images.group_photo() * gain + noise, 0, 255).astype(np.uint8)


def detected_share(expected: Detections, actual: Detections) -> float:
    """Return the share of the expected boxes that are detected with an overlap of at least one half."""
    return float((images.iou(expected.boxes, actual.boxes).max(axis=1, initial=0) >= 0.5).mean())


def street_frames(step: int) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(STREET))
    frames = []
    while True:
        good, bgr = capture.read()
        if not good:
            break
        rgb = cv2.cvtColor(cv2.resize(bgr, (960, 544), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
        frames.append(rgb.astype(np.uint8))
    capture.release()
    return frames[::step]
