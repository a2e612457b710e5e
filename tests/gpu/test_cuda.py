"""Models on an NVIDIA GPU give the results of the CPU: `make test-gpu`; skipped without a GPU."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.adapters.vision.detection.centerface import CenterFace, build_graph
from framecloak.adapters.vision.detection.pp_ocr import PpOcrText
from framecloak.adapters.vision.detection.yunet import YuNet
from framecloak.adapters.vision.recognition.dlib_resnet import DlibResNet
from framecloak.adapters.vision.runtime.onnx import Provider, open_session
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.errors import InvalidOptionError, ProviderUnavailableError
from framecloak.domain.imaging.detections import Detections, Image
from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
from framecloak.entrypoints.composition.reid import load_analysis
from framecloak.entrypoints.schemas.health import LivenessView
from framecloak.entrypoints.settings import Settings
from support.processes import command
from support.samples import onnx_models, yunet_models
from support.samples.images import group_photo, iou
from support.samples.media import write_video

FRAMES = 20
PROVIDER_UNAVAILABLE = 30
NO_DEVICE = {"CUDA_VISIBLE_DEVICES": "-1"}

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("_cuda")]


@pytest.fixture(scope="session")
def _cuda() -> None:
    try:
        open_session(onnx_models.identity_bytes(), Provider.CUDA)
    except ProviderUnavailableError as error:
        pytest.skip(error.message)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def on_cpu(models: Path) -> CenterFace:
    return CenterFace.load(models, Provider.CPU, Precision.FP32)


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a video of six people who move to the left by two pixels a frame."""
    group = np.asarray(cv2.cvtColor(group_photo(), cv2.COLOR_RGB2BGR), np.uint8)
    frames = (np.roll(group, -2 * number, axis=1) for number in range(FRAMES))
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", size=(1280, 864), images=frames)


def batch(count: int) -> list[Image]:
    """Return shifted copies of the group photograph; every third image is empty."""
    group = group_photo()
    return [
        np.full_like(group, 90) if number % 3 == 2 else np.roll(group, -16 * number, axis=1)
        for number in range(count)
    ]


def require_same_faces(actual: Detections, expected: Detections, overlap: float, score: float) -> None:
    """Assert that every clear face of one result is in the other, with similar box and score."""
    for source, target in ((actual, expected), (expected, actual)):
        clear = source.select(source.scores >= 0.2)
        if not len(clear):
            continue
        matches = iou(clear.boxes, target.boxes)
        assert matches.max(axis=1).min() >= overlap
        np.testing.assert_allclose(target.scores[matches.argmax(axis=1)], clear.scores, atol=score)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize(
    ("precision", "overlap", "score"), [(Precision.FP32, 0.99, 0.003), (Precision.FP16, 0.95, 0.02)]
)
def test_a_batch_detects_the_faces_that_the_cpu_detects(
    models: Path, on_cpu: CenterFace, count: int, precision: Precision, overlap: float, score: float
) -> None:
    detector = CenterFace.load(models, Provider.CUDA, precision)
    assert (detector.card.provider, detector.card.precision) == ("CUDA", precision)
    frames = batch(count)
    detections = detector.detect(frames, 0.1)
    assert len(detections) == count
    for frame, faces in zip(frames, detections, strict=True):
        require_same_faces(faces, on_cpu.detect([frame], 0.1)[0], overlap, score)


@pytest.mark.parametrize("count", [1, 8])
def test_yunet_detects_the_faces_that_the_cpu_detects(models: Path, count: int) -> None:
    yunet_models.wheel_network()
    on_gpu, reference = (YuNet.load(models, provider) for provider in (Provider.CUDA, Provider.CPU))
    assert on_gpu.card.provider == "CUDA"
    assert on_gpu.max_batch >= count
    frames = batch(count)
    for frame, faces in zip(frames, on_gpu.detect(frames, 0.1), strict=True):
        require_same_faces(faces, reference.detect([frame], 0.1)[0], 0.99, 0.003)


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.FP16])
def test_lazy_outputs_equal_those_of_a_plain_run(models: Path, precision: Precision) -> None:
    session = open_session(build_graph(models, precision).content, Provider.CUDA)
    assert session.uses_io_binding
    frames = np.stack(batch(3))
    plain, lazy = session.run(frames), session.run_lazily(frames, eager_outputs=1)
    for number, output in enumerate(plain):
        # Kernels may add in a different order from run to run.
        np.testing.assert_allclose(lazy[number], output, rtol=1e-3, atol=1e-3)


def test_threads_can_share_a_detector(models: Path, on_cpu: CenterFace) -> None:
    detector = CenterFace.load(models, Provider.CUDA)
    frames = batch(8)
    expected = [on_cpu.detect([frame], 0.1)[0] for frame in frames]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: detector.detect(frames, 0.1), range(32)))
    for answer in answers:
        for actual, reference in zip(answer, expected, strict=True):
            require_same_faces(actual, reference, 0.99, 0.003)


def test_images_of_many_sizes_give_the_results_of_the_cpu(models: Path, on_cpu: CenterFace) -> None:
    detector = CenterFace.load(models, Provider.CUDA)
    group = group_photo()
    for width, height in ((320, 224), (640, 448), (1280, 864), (352, 640)):
        image = np.asarray(cv2.resize(group, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        require_same_faces(detector.detect([image], 0.1)[0], on_cpu.detect([image], 0.1)[0], 0.99, 0.003)


def test_int8_is_refused(models: Path) -> None:
    with pytest.raises(InvalidOptionError, match="CUDA"):
        CenterFace.load(models, Provider.CUDA, Precision.INT8)


def test_face_vectors_equal_those_of_the_cpu(models: Path, on_cpu: CenterFace) -> None:
    on_gpu, reference = (DlibResNet.load(models, provider) for provider in (Provider.CUDA, Provider.CPU))
    assert on_gpu.space == reference.space
    group = group_photo()
    (detections,) = on_cpu.detect([group], 0.5)
    chips = reference.align(group, detections.landmarks)
    cosines = (on_gpu.embed(chips) * reference.embed(chips)).sum(axis=1)
    assert len(cosines) == 6
    assert cosines.min() > 0.9999


def test_text_is_detected_as_on_the_cpu() -> None:
    image = np.full((160, 640, 3), 230, np.uint8)
    cv2.putText(image, "NO PARKING", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (20, 20, 20), 6)
    on_gpu, reference = (
        PpOcrText.load(provider).detect(image, 0.5) for provider in (Provider.CUDA, Provider.CPU)
    )
    assert len(on_gpu) == len(reference) >= 1
    assert iou(on_gpu.boxes, reference.boxes).max(axis=1).min() > 0.97


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_video_is_redacted_as_on_the_cpu(video: Path, tmp_path: Path, precision: str) -> None:
    outputs = {}
    for provider, chosen_precision in (("cpu", "fp32"), ("cuda", precision)):
        path = tmp_path / f"{provider}.zip"
        options = ("--provider", provider, "--precision", chosen_precision)
        done = command.run("redact", video, "-o", path, *options)
        assert done.code == 0, done.err
        assert f"CenterFace on {provider.upper()} ({chosen_precision})" in done.out
        outputs[provider] = command.Output(path).manifest
    reference, on_gpu = outputs["cpu"]["frames"], outputs["cuda"]["frames"]
    assert [frame["index"] for frame in on_gpu] == list(range(FRAMES))
    for expected, actual in zip(reference, on_gpu, strict=True):
        assert not actual["blanked"]
        boxes = [np.array([box["xyxy"] for box in frame["boxes"]], float) for frame in (expected, actual)]
        assert iou(*boxes).max(axis=1).min() > 0.9
        assert iou(*reversed(boxes)).max(axis=1).min() > 0.9
    model = outputs["cuda"]["models"][0]
    assert (model["name"], model["provider"], model["precision"]) == ("centerface", "CUDA", precision)


def test_auto_chooses_the_gpu_and_names_it(video: Path, tmp_path: Path) -> None:
    trials = {row["provider"]: row for row in json.loads(command.run("models", "providers", "--json").out)}
    assert trials["CUDA"] == {"provider": "CUDA", "works": True, "detail": "CUDA (fp32)"}
    first = next(name for name, row in trials.items() if row["works"])
    done = command.run("redact", video, "-o", tmp_path / "out.zip", "--segments", "0:2")
    assert f"CenterFace on {first} (fp32)" in done.out


async def test_the_health_of_the_api_names_the_gpu(models: Path) -> None:
    settings = replace(Settings.from_environment({}), models=models, provider="cuda", threads=2)
    faces = LazyFaceAnalyzer(lambda: load_analysis(settings))
    try:
        await faces.analyzer()
        health = await faces.health()
    finally:
        faces.close()
    assert health.detector
    assert health.detector.provider == "CUDA"
    assert LivenessView.of(health, "0").provider == "CUDA"


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_named_provider_without_a_device_is_refused(video: Path, tmp_path: Path, provider: str) -> None:
    output = tmp_path / "out.zip"
    done = command.run("redact", video, "-o", output, "--provider", provider, environment=NO_DEVICE)
    assert done.code == PROVIDER_UNAVAILABLE
    assert not output.exists()


def test_auto_without_a_device_falls_back_to_the_cpu_and_names_it(video: Path, tmp_path: Path) -> None:
    options = ("--provider", "auto", "--segments", "0:2")
    done = command.run("redact", video, "-o", tmp_path / "out.zip", *options, environment=NO_DEVICE)
    assert done.code == 0, done.err
    assert "CenterFace on CPU" in done.out
