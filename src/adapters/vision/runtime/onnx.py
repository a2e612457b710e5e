"""ONNX Runtime sessions; the only module that deals with execution providers and threads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoModel,
    NoSuchFile,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as OperatorNotImplemented

from framecloak.adapters.vision.runtime import gpu_libraries
from framecloak.domain.errors import (
    FrameAnalysisError,
    ModelCorruptError,
    ModelMissingError,
    ProviderUnavailableError,
)
from framecloak.domain.errors.base import CONTACT_OPERATOR, UserMessage
from framecloak.domain.imaging.detections import FloatArray

GraphSource: TypeAlias = Path | bytes
"""A graph to load: the path or the content of a file."""

_WARNINGS, _ERRORS_ONLY, _FATAL_ONLY = 2, 3, 4
"""Log severities of ONNX Runtime."""

_GPU_HINT = (
    "run `pip uninstall -y onnxruntime` and then `pip install onnxruntime-gpu` on a machine with an"
    " NVIDIA driver, CUDA and cuDNN, or ask for the provider `cpu`; `framecloak models providers` tries them"
)
_BAD_MODEL_ERRORS = (InvalidProtobuf, InvalidGraph, NoModel, OperatorNotImplemented)
_VENDOR_ERRORS = (
    *_BAD_MODEL_ERRORS,
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    NoSuchFile,
    RuntimeException,
    RuntimeError,
    ValueError,
)


class Provider(StrEnum):
    """Execution provider of a model."""

    AUTO = "auto"
    """The first of TensorRT, CUDA and CPU that works on this machine."""
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def label(self) -> str:
        """Name of the provider for display."""
        return {"auto": "auto", "cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}[self.value]


_ORT_NAMES = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}
PROVIDER_PREFERENCE = (Provider.TENSORRT, Provider.CUDA, Provider.CPU)
"""Providers in the order in which ``auto`` tries them."""

_CUDA_FAILURE = re.compile(r"C(?:UDA|UDNN|UBLAS) failure \d+: [^;\n]*[^;\s]")
_PROVIDER_LIBRARIES = {
    Provider.CUDA: gpu_libraries.CUDA_LIBRARY,
    Provider.TENSORRT: gpu_libraries.TENSORRT_LIBRARY,
}
_OUTPUT_DEVICES = {Provider.CPU: "cpu", Provider.CUDA: "cuda", Provider.TENSORRT: "cuda"}
"""Device of a provider's outputs, as named by ONNX Runtime's I/O binding."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Input or output of a graph.

    Attributes:
        name: name of the tensor.
        shape: size of each axis; None for a dynamic axis.
    """

    name: str
    shape: tuple[int | None, ...]


class LazyOutputs:
    """Outputs of a run, indexed in the graph's order; each access copies the output.

    Args:
        fetch: function that copies the output with a given index.
    """

    def __init__(self, fetch: Callable[[int], FloatArray]) -> None:
        self._fetch = fetch

    def __getitem__(self, number: int) -> FloatArray:
        """Return one output, copied to the CPU.

        Raises:
            FrameAnalysisError: the runtime failed.
        """
        return self._fetch(number)


class OnnxSession:
    """Loaded graph with one input. It is thread-safe.

    Args:
        session: ONNX Runtime session.
        provider: provider that the session was verified to run on.

    Attributes:
        provider: provider that the session runs on.
        uses_io_binding: True if ``run_lazily`` leaves outputs on the device until they are read; the default
            on GPUs.
        input: input of the graph.
        outputs: outputs of the graph.
        metadata: texts that the graph's author stored in its file, by name.
    """

    def __init__(self, session: onnxruntime.InferenceSession, provider: Provider) -> None:
        self._session = session
        self.provider = provider
        self.uses_io_binding = provider is not Provider.CPU
        self.input = _tensor_info(session.get_inputs()[0])
        self.outputs = tuple(_tensor_info(output) for output in session.get_outputs())
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)

    def run(self, batch: NDArray[np.uint8] | FloatArray) -> list[FloatArray]:
        """Run the graph on one input array and return all outputs, in the graph's order.

        Raises:
            FrameAnalysisError: the runtime failed.
        """
        with _translate_errors(batch.shape):
            outputs: list[FloatArray] = self._session.run(None, {self.input.name: batch})
        return outputs

    def run_lazily(self, batch: NDArray[np.uint8] | FloatArray, eager_outputs: int) -> LazyOutputs:
        """Run the graph, but copy outputs from a GPU only when they are read.

        A detector's maps of sizes and landmarks are larger than the input image, and they are needed only if
        the map of scores contains a detection.

        Args:
            batch: input array.
            eager_outputs: number of outputs, from the first, that are always read. They are copied within the
                run, which does not hold the GIL.

        Raises:
            FrameAnalysisError: the runtime failed.
        """
        if not self.uses_io_binding:
            return LazyOutputs(self.run(batch).__getitem__)
        with _translate_errors(batch.shape):
            binding = self._session.io_binding()
            binding.bind_cpu_input(self.input.name, np.ascontiguousarray(batch))
            for number, output in enumerate(self.outputs):
                binding.bind_output(
                    output.name, "cpu" if number < eager_outputs else _OUTPUT_DEVICES[self.provider]
                )
            self._session.run_with_iobinding(binding)
            values = binding.get_outputs()

        def fetch(number: int) -> FloatArray:
            with _translate_errors(batch.shape):
                array: FloatArray = values[number].numpy()
            return array

        return LazyOutputs(fetch)


def open_session(model: GraphSource, provider: Provider) -> OnnxSession:
    """Load a graph and verify that it runs on the provider.

    Args:
        model: graph to load.
        provider: execution provider; never silently replaced by another one.

    Raises:
        ProviderUnavailableError: the provider does not work on this machine.
        ModelMissingError: the file does not exist.
        ModelCorruptError: the content is not a graph that can be run.
    """
    return open_session_per_provider(lambda _: model, provider)


def open_session_per_provider(
    model_for: Callable[[Provider], GraphSource], provider: Provider, *, half: bool = False
) -> OnnxSession:
    """Load a model that has a different graph for each provider; see ``open_session``.

    Args:
        model_for: function that returns the graph for CPU, CUDA or TensorRT; called just before that
            provider is tried.
        provider: execution provider.
        half: True if the graph calculates in fp16, which TensorRT needs as an option.

    Raises:
        ProviderUnavailableError: the provider does not work on this machine.
        ModelMissingError: the file does not exist.
        ModelCorruptError: the content is not a graph that can be run.
    """
    if provider is not Provider.AUTO:
        return _create_session(model_for(provider), provider, half=half)
    for candidate in _available_providers()[:-1]:
        try:
            return _create_session(model_for(candidate), candidate, half=half)
        except ProviderUnavailableError:
            continue
    return _create_session(model_for(Provider.CPU), Provider.CPU, half=half)


class ModelFailedError(FrameAnalysisError):
    """Failure of the runtime on an input. Its message may name files and devices of this machine."""

    user_message_override = UserMessage("a model failed on an image", CONTACT_OPERATOR)


@contextmanager
def _translate_errors(shape: tuple[int, ...]) -> Iterator[None]:
    """Translate errors of the runtime, adding the shape of the input."""
    try:
        yield
    except _VENDOR_ERRORS as error:
        raise ModelFailedError(
            f"the model failed on an input of shape {shape}: {_first_line(error)}"
        ) from error


def _available_providers() -> list[Provider]:
    available = onnxruntime.get_available_providers()
    return [provider for provider in PROVIDER_PREFERENCE if _ORT_NAMES[provider] in available]


def _create_session(model: GraphSource, provider: Provider, *, half: bool) -> OnnxSession:
    if isinstance(model, Path) and not model.is_file():
        raise ModelMissingError(
            f"there is no model file {model}", "run `framecloak models list` to see what is there"
        )
    if provider not in _available_providers():
        raise ProviderUnavailableError(f"this onnxruntime was built without {provider.label}", _GPU_HINT)
    if provider is not Provider.CPU:
        gpu_libraries.load_from_wheels()
        # Our own error names a library that cannot be loaded, and `auto` tries two that often are missing.
        onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    options = onnxruntime.SessionOptions()
    # One thread a run is fastest, because several threads share a session.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # It keeps a plan and a block of memory for every size of input, and regions of frames have any size.
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(model) if isinstance(model, Path) else model,
            options,
            providers=_provider_chain(model, provider, half=half),
            enable_fallback=0,  # otherwise it prints to stdout and continues on the CPU
        )
    except _VENDOR_ERRORS as error:
        if provider is Provider.CPU or isinstance(error, _BAD_MODEL_ERRORS):
            raise _corrupt(model, error) from error
        raise _unavailable(provider, _first_line(error)) from error
    finally:
        onnxruntime.set_default_logger_severity(_WARNINGS)
    if session.get_providers()[0] != _ORT_NAMES[provider]:
        raise _unavailable(provider, "the runtime fell back to another provider")
    return OnnxSession(session, provider)


def _provider_chain(
    model: GraphSource, provider: Provider, *, half: bool
) -> Sequence[str | tuple[str, dict[str, str]]]:
    """Return the provider, followed by fallbacks for the operators that it does not support."""
    cpu = _ORT_NAMES[Provider.CPU]
    if provider is Provider.CPU:
        return [cpu]
    cuda = (
        _ORT_NAMES[Provider.CUDA],
        {
            # Videos have many sizes, and an exhaustive search would run again for each of them.
            "cudnn_conv_algo_search": "HEURISTIC",
            # TF32 has a mantissa of only 10 bits, and galleries are also searched on other machines.
            "use_tf32": "0",
        },
    )
    if provider is Provider.CUDA:
        return [cuda, cpu]
    tensorrt = {"trt_fp16_enable": str(half)}
    if isinstance(model, Path):
        tensorrt |= {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": os.fspath(model.parent / "tensorrt"),
        }
    return [(_ORT_NAMES[Provider.TENSORRT], tensorrt), cuda, cpu]


def _corrupt(model: GraphSource, error: Exception) -> ModelCorruptError:
    name = str(model) if isinstance(model, Path) else "the model"
    return ModelCorruptError(
        f"{name} cannot be loaded: {_first_line(error)}",
        "remove the file and fetch or build it again; `framecloak models verify` checks the rest",
    )


def _unavailable(provider: Provider, reason: str) -> ProviderUnavailableError:
    reason = gpu_libraries.loading_error(_PROVIDER_LIBRARIES[provider]) or reason
    return ProviderUnavailableError(f"{provider.label} does not work here: {reason}", _GPU_HINT)


def _first_line(error: Exception) -> str:
    """Return the first line of an error; of a CUDA error, without source locations and the host name."""
    if match := _CUDA_FAILURE.search(str(error)):
        return match[0]
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _tensor_info(tensor: onnxruntime.NodeArg) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    return TensorInfo(tensor.name, shape)
