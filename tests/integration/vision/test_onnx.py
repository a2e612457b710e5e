"""Providers and sessions of the installed runtime."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from framecloak.adapters.vision.runtime import gpu_libraries
from framecloak.adapters.vision.runtime.onnx import (
    PROVIDER_PREFERENCE,
    Provider,
    open_session,
    open_session_per_provider,
)
from framecloak.adapters.vision.runtime.precision import Precision, choose_precision, describe_execution
from framecloak.domain.errors import (
    FrameAnalysisError,
    InvalidOptionError,
    ModelCorruptError,
    ModelMissingError,
    ProviderUnavailableError,
)
from framecloak.domain.imaging.detections import ModelCard
from support.samples import onnx_models

GPU_BUILD = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
needs_cpu_build = pytest.mark.skipif(GPU_BUILD, reason="this onnxruntime was built with CUDA")


def card(provider: str, precision: str) -> ModelCard:
    return ModelCard("tiny", "0" * 64, "none", provider, precision)


def test_a_session_describes_its_input_and_returns_every_output() -> None:
    session = open_session(onnx_models.identity_bytes((1, 3, "H", 16)), Provider.CPU)
    assert (session.input.name, session.input.shape) == ("image", (1, 3, None, 16))
    values = np.arange(3 * 8 * 16, dtype=np.float32).reshape(1, 3, 8, 16)
    (output,) = session.run(values)
    np.testing.assert_array_equal(output, values)


def test_auto_falls_back_to_the_cpu() -> None:
    tried: list[Provider] = []

    def model_for(provider: Provider) -> bytes:
        tried.append(provider)
        return onnx_models.identity_bytes()

    session = open_session_per_provider(model_for, Provider.AUTO)
    assert session.provider is tried[-1]
    if not GPU_BUILD:
        assert tried == [Provider.CPU]


@needs_cpu_build
@pytest.mark.parametrize("provider", [Provider.CUDA, Provider.TENSORRT])
def test_a_missing_gpu_is_reported_with_helpful_commands(provider: Provider) -> None:
    with pytest.raises(ProviderUnavailableError) as raised:
        open_session(onnx_models.identity_bytes(), provider)
    assert provider.label in raised.value.message
    assert "pip uninstall -y onnxruntime" in raised.value.hint
    assert "pip install onnxruntime-gpu" in raised.value.hint


@needs_cpu_build
def test_a_failing_gpu_is_refused_by_name_and_skipped_by_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    # Here the runtime itself fails; a GPU build would fail because of a missing driver.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ProviderUnavailableError, match=r"CUDA does not work here: .*providers_cuda"):
            open_session(onnx_models.identity_bytes(), Provider.CUDA)
        tried: list[Provider] = []

        def model_for(provider: Provider) -> bytes:
            tried.append(provider)
            return onnx_models.identity_bytes()

        assert open_session_per_provider(model_for, Provider.AUTO).provider is Provider.CPU
    assert tried == list(PROVIDER_PREFERENCE)


def test_a_cuda_error_is_reported_without_source_location_and_hostname(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = open_session(onnx_models.identity_bytes(), Provider.CPU)

    class Failing:
        """Session with an error message of ONNX Runtime 1.31."""

        def run(self, *_: object) -> None:
            raise RuntimeError(
                "/src/cuda_call.cc:154 void CudaCall(ERRTYPE) [with bool THRW = true]"
                " CUDA failure 2: out of memory ; GPU=0 ; hostname=ward-7"
                " ; file=/src/cuda_execution_provider.cc ; line=355 ; expr=cudaMalloc();"
            )

    monkeypatch.setattr(session, "_session", Failing())
    with pytest.raises(FrameAnalysisError) as raised:
        session.run(np.zeros((1, 3, 112, 112), np.float32))
    assert raised.value.message.endswith("(1, 3, 112, 112): CUDA failure 2: out of memory")


def test_a_library_that_cannot_be_loaded_is_named() -> None:
    assert "absent.so" in (gpu_libraries.loading_error("absent.so") or "")
    assert gpu_libraries.loading_error("libonnxruntime_providers_shared.so") is None


@pytest.mark.parametrize("wheels", [True, False])
def test_loading_gpu_libraries_from_wheels_does_not_write_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, wheels: bool
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: wheels or None)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write("not found: libcudnn.so.9\n"))
    gpu_libraries.load_from_wheels.__wrapped__()
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "not found: libcudnn.so.9\n" if wheels else "")


def test_a_file_that_is_not_a_model_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"this is not a graph")
    with pytest.raises(ModelCorruptError, match=r"broken\.onnx"):
        open_session(path, Provider.CPU)
    with pytest.raises(ModelCorruptError):
        open_session(onnx_models.scrfd_bytes()[:-100], Provider.CPU)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="absent"):
        open_session(tmp_path / "absent.onnx", Provider.CPU)


def test_a_failure_of_the_runtime_is_a_frame_analysis_error() -> None:
    session = open_session(onnx_models.identity_bytes((1, 3, 8, 8)), Provider.CPU)
    with pytest.raises(FrameAnalysisError, match=r"\(1, 3, 9, 9\)"):
        session.run(np.zeros((1, 3, 9, 9), np.float32))


def test_lazy_outputs_equal_those_of_a_plain_run() -> None:
    session = open_session(onnx_models.scrfd_bytes(), Provider.CPU)
    assert not session.uses_io_binding  # there is nothing to save
    image = np.random.default_rng(1).normal(0, 1, (3, 64, 96, 1)).astype(np.float32).transpose(3, 0, 1, 2)
    plain = session.run(image)
    for bound in (False, True):
        session.uses_io_binding = bound
        lazy = session.run_lazily(image, eager_outputs=3)
        for number, output in enumerate(plain):
            np.testing.assert_array_equal(lazy[number], output)
            np.testing.assert_array_equal(lazy[number], output)


def test_a_failure_of_a_bound_run_is_a_frame_analysis_error() -> None:
    session = open_session(onnx_models.identity_bytes((1, 3, 8, 8)), Provider.CPU)
    session.uses_io_binding = True
    with pytest.raises(FrameAnalysisError, match=r"\(1, 3, 9, 9\)"):
        session.run_lazily(np.zeros((1, 3, 9, 9), np.float32), eager_outputs=1)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("flags : fpu avx2 avx512_vnni avx_vnni", "CPU (int8, VNNI)"),
        ("flags : fpu avx_vnni", "CPU (int8, VNNI)"),
        ("Features : fp asimd asimddp", "CPU (int8, dot product)"),
        ("flags : fpu avx2 avx512f", "CPU (int8)"),
    ],
)
def test_int8_instructions_are_detected_from_cpuinfo(tmp_path: Path, flags: str, name: str) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"processor : 0\n{flags}\n")
    assert describe_execution(card("CPU", "int8"), cpu_info) == name
    assert describe_execution(card("CPU", "fp32"), cpu_info) == "CPU (fp32)"
    assert describe_execution(card("CUDA", "fp32"), cpu_info) == "CUDA (fp32)"


def test_no_cpu_info_means_no_int8_instructions(tmp_path: Path) -> None:
    assert describe_execution(card("CPU", "int8"), tmp_path / "absent") == "CPU (int8)"


def test_precision_follows_the_provider() -> None:
    assert choose_precision(Precision.AUTO, Provider.CUDA) is Precision.FP32
    assert choose_precision(Precision.FP16, Provider.CUDA) is Precision.FP16
    assert choose_precision(Precision.FP16, Provider.TENSORRT) is Precision.FP16
    assert choose_precision(Precision.FP32, Provider.CPU) is Precision.FP32
    assert choose_precision(Precision.INT8, Provider.CPU) is Precision.INT8
    # On every CPU, so that the result does not depend on the machine.
    assert choose_precision(Precision.AUTO, Provider.CPU) is Precision.INT8
    with pytest.raises(InvalidOptionError, match="CUDA"):
        choose_precision(Precision.INT8, Provider.CUDA)
    with pytest.raises(InvalidOptionError, match="GPUs only"):
        choose_precision(Precision.FP16, Provider.CPU)


def test_the_runtime_writes_no_telemetry(tmp_path: Path) -> None:
    program = (
        "from support.samples import onnx_models;"
        "from framecloak.adapters.vision.runtime.onnx import Provider, open_session;"
        "open_session(onnx_models.identity_bytes(), Provider.CPU)"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "HOME"))
    }
    paths = str(Path(onnx_models.__file__ or "").parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # Telemetry and the id of the machine would be in the user's cache.
    assert not [path for path in tmp_path.rglob("*") if "onnxruntime" in path.name]
