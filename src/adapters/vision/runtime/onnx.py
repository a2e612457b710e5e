"""ONNX Runtime: the one file that knows execution providers and threads."""

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
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as OperatorNotImplemented,
)

from framecloak.adapters.vision.runtime import gpu_libraries
from framecloak.domain.errors import (
    ExaminationError,
    ModelCorruptError,
    ModelMissingError,
    ProviderUnavailableError,
)
from framecloak.domain.errors.base import ASK, Told
from framecloak.domain.imaging.detections import FloatArray

Model: TypeAlias = Path | bytes
"""A graph to load: a file, or the bytes of one."""

_WARNINGS, _ERRORS_ONLY, _FATAL_ONLY = 2, 3, 4
"""What the runtime logs."""

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
    """Where a model runs."""

    AUTO = "auto"
    """The first of TensorRT, CUDA and CPU that really works on this machine."""
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"

    @property
    def label(self) -> str:
        """How people write the provider's name."""
        return {"auto": "auto", "cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}[self.value]


_ORT_NAMES = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}
PREFERENCE = (Provider.TENSORRT, Provider.CUDA, Provider.CPU)
"""What ``auto`` tries, in this order."""

_CUDA_FAILURE = re.compile(r"C(?:UDA|UDNN|UBLAS) failure \d+: [^;\n]*[^;\s]")
_LIBRARIES = {Provider.CUDA: gpu_libraries.CUDA, Provider.TENSORRT: gpu_libraries.TENSORRT}
_MEMORY = {Provider.CPU: "cpu", Provider.CUDA: "cuda", Provider.TENSORRT: "cuda"}
"""Where a provider leaves what it has calculated, as I/O binding calls it."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a graph.

    Attributes:
        name: name of the tensor.
        shape: one entry per axis; None where the graph leaves the size open.
    """

    name: str
    shape: tuple[int | None, ...]


class Outputs:
    """What a run gave, by number in the graph's order; an output is copied when it is asked for.

    Args:
        fetch: gives one of them.
    """

    def __init__(self, fetch: Callable[[int], FloatArray]) -> None:
        self._fetch = fetch

    def __getitem__(self, number: int) -> FloatArray:
        """One output, copied to the CPU.

        Raises:
            ExaminationError: the runtime failed.
        """
        return self._fetch(number)


class Session:
    """A loaded graph with one input. Safe to run from several threads at once.

    Args:
        session: ONNX Runtime's session.
        provider: the provider it was verified to run on.

    Attributes:
        bound: whether ``run_lazily`` leaves outputs where they were calculated; on GPUs, unless changed.
    """

    def __init__(self, session: onnxruntime.InferenceSession, provider: Provider) -> None:
        self._session = session
        self.provider = provider
        self.bound = provider is not Provider.CPU
        self.input = _tensor_info(session.get_inputs()[0])
        self.outputs = tuple(_tensor_info(output) for output in session.get_outputs())

    def run(self, batch: NDArray[np.uint8] | FloatArray) -> list[FloatArray]:
        """All outputs for one input array, in the graph's order.

        Raises:
            ExaminationError: the runtime failed.
        """
        with _examining(batch.shape):
            outputs: list[FloatArray] = self._session.run(None, {self.input.name: batch})
        return outputs

    def run_lazily(self, batch: NDArray[np.uint8] | FloatArray, needed: int) -> Outputs:
        """Like ``run``, but what nobody asks for is not copied from a GPU.

        A detector's maps of sizes and landmarks are larger than the picture they were made from, and only
        the map of scores says whether anybody needs them.

        Args:
            batch: the input.
            needed: outputs, from the first, that are asked for in any case. They are copied within the run,
                which leaves the interpreter to other threads.

        Raises:
            ExaminationError: the runtime failed.
        """
        if not self.bound:
            return Outputs(self.run(batch).__getitem__)
        with _examining(batch.shape):
            binding = self._session.io_binding()
            binding.bind_cpu_input(self.input.name, np.ascontiguousarray(batch))
            for number, output in enumerate(self.outputs):
                binding.bind_output(output.name, "cpu" if number < needed else _MEMORY[self.provider])
            self._session.run_with_iobinding(binding)
            values = binding.get_outputs()

        def fetch(number: int) -> FloatArray:
            with _examining(batch.shape):
                array: FloatArray = values[number].numpy()
            return array

        return Outputs(fetch)


def open_session(model: Model, provider: Provider, threads: int = 1) -> Session:
    """Load a graph on a provider that is verified to work.

    Args:
        model: the graph.
        provider: where to run it; never replaced by another one in silence.
        threads: CPU threads of one run. One is fastest where callers share a session between threads.

    Raises:
        ProviderUnavailableError: the provider does not work on this machine.
        ModelMissingError: there is no such file.
        ModelCorruptError: the bytes are not a graph that can be run.
    """
    return open_first(lambda _: model, provider, threads)


def open_first(
    model_for: Callable[[Provider], Model], provider: Provider, threads: int = 1, *, half: bool = False
) -> Session:
    """Like ``open_session``, for a model that comes in one graph per provider.

    Args:
        model_for: gives the graph for CPU, CUDA or TensorRT; called right before that one is tried.
        provider: where to run it.
        threads: CPU threads of one run.
        half: whether graphs calculate in fp16, which TensorRT has to be told.

    Raises:
        ProviderUnavailableError: the provider does not work on this machine.
        ModelMissingError: there is no such file.
        ModelCorruptError: the bytes are not a graph that can be run.
    """
    if provider is not Provider.AUTO:
        return _create(model_for(provider), provider, threads, half=half)
    for candidate in _compiled_in()[:-1]:
        try:
            return _create(model_for(candidate), candidate, threads, half=half)
        except ProviderUnavailableError:
            continue
    return _create(model_for(Provider.CPU), Provider.CPU, threads, half=half)


class ModelFailedError(ExaminationError):
    """The runtime failed on a picture; what it says may name files and devices of this machine."""

    outside = Told("a model failed on a picture", ASK)


@contextmanager
def _examining(shape: tuple[int, ...]) -> Iterator[None]:
    """Say of a failure of the runtime what it was given."""
    try:
        yield
    except _VENDOR_ERRORS as error:
        raise ModelFailedError(
            f"the model failed on an input of shape {shape}: {_first_line(error)}"
        ) from error


def _compiled_in() -> list[Provider]:
    available = onnxruntime.get_available_providers()
    return [provider for provider in PREFERENCE if _ORT_NAMES[provider] in available]


def _create(model: Model, provider: Provider, threads: int, *, half: bool) -> Session:
    if isinstance(model, Path) and not model.is_file():
        raise ModelMissingError(
            f"there is no model file {model}", "run `framecloak models list` to see what is there"
        )
    if provider not in _compiled_in():
        raise ProviderUnavailableError(f"this onnxruntime was built without {provider.label}", _GPU_HINT)
    if provider is not Provider.CPU:
        gpu_libraries.load_from_wheels()
        # A library that it cannot load is named by our own error; `auto` tries two that often are not there.
        onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(model) if isinstance(model, Path) else model,
            options,
            providers=_provider_chain(model, provider, half=half),
            enable_fallback=0,  # or it prints to stdout and carries on with the CPU
        )
    except _VENDOR_ERRORS as error:
        if provider is Provider.CPU or isinstance(error, _BAD_MODEL_ERRORS):
            raise _corrupt(model, error) from error
        raise _unavailable(provider, _first_line(error)) from error
    finally:
        onnxruntime.set_default_logger_severity(_WARNINGS)
    if session.get_providers()[0] != _ORT_NAMES[provider]:
        raise _unavailable(provider, "the runtime fell back to another provider")
    return Session(session, provider)


def _provider_chain(
    model: Model, provider: Provider, *, half: bool
) -> Sequence[str | tuple[str, dict[str, str]]]:
    """The provider first, then those that run the operators it lacks."""
    cpu = _ORT_NAMES[Provider.CPU]
    if provider is Provider.CPU:
        return [cpu]
    cuda = (
        _ORT_NAMES[Provider.CUDA],
        {
            # Videos come in many sizes; an exhaustive search would run again for each of them.
            "cudnn_conv_algo_search": "HEURISTIC",
            # fp32 means fp32: TF32 has 10 bits, and galleries are searched on other machines too.
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


def _corrupt(model: Model, error: Exception) -> ModelCorruptError:
    name = str(model) if isinstance(model, Path) else "the model"
    return ModelCorruptError(
        f"{name} cannot be loaded: {_first_line(error)}",
        "remove the file and fetch or build it again; `framecloak models verify` checks the rest",
    )


def _unavailable(provider: Provider, reason: str) -> ProviderUnavailableError:
    reason = gpu_libraries.why_it_cannot_be_loaded(_LIBRARIES[provider]) or reason
    return ProviderUnavailableError(f"{provider.label} does not work here: {reason}", _GPU_HINT)


def _first_line(error: Exception) -> str:
    """What a failure comes down to; of one of CUDA, without places in the runtime and the machine's name."""
    if found := _CUDA_FAILURE.search(str(error)):
        return found[0]
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _tensor_info(tensor: onnxruntime.NodeArg) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    return TensorInfo(tensor.name, shape)
