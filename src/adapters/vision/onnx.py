"""ONNX Runtime: the one file that knows execution providers, threads and CPU features."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
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

from domain.detection import FloatArray, ModelCard
from domain.errors import (
    ExaminationError,
    InvalidOptionError,
    ModelCorruptError,
    ModelMissingError,
    ProviderUnavailableError,
)

Model: TypeAlias = Path | bytes
"""A graph to load: a file, or the bytes of one."""

_ERRORS_ONLY = 3
_CPU_INFO = Path("/proc/cpuinfo")
_INT8_DOT_PRODUCT_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "asimddp": "dot product"}
_GPU_HINT = (
    "run `pip uninstall -y onnxruntime` and then `pip install onnxruntime-gpu` on a machine with an"
    " NVIDIA driver, or ask for the provider `cpu`"
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


class Precision(StrEnum):
    """The numbers a model calculates with."""

    AUTO = "auto"
    """int8 on a CPU that has instructions for it, else fp32."""
    FP32 = "fp32"
    INT8 = "int8"


_ORT_NAMES = {
    Provider.CPU: "CPUExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.TENSORRT: "TensorrtExecutionProvider",
}
_PREFERENCE = (Provider.TENSORRT, Provider.CUDA, Provider.CPU)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a graph.

    Attributes:
        name: name of the tensor.
        shape: one entry per axis; None where the graph leaves the size open.
    """

    name: str
    shape: tuple[int | None, ...]


class Session:
    """A loaded graph with one input. Safe to run from several threads at once.

    Args:
        session: ONNX Runtime's session.
        provider: the provider it was verified to run on.
    """

    def __init__(self, session: onnxruntime.InferenceSession, provider: Provider) -> None:
        self._session = session
        self.provider = provider
        self.input = _tensor_info(session.get_inputs()[0])
        self.outputs = tuple(_tensor_info(output) for output in session.get_outputs())

    def run(self, batch: NDArray[np.uint8] | FloatArray) -> list[FloatArray]:
        """All outputs for one input array, in the graph's order.

        Raises:
            ExaminationError: the runtime failed.
        """
        try:
            outputs: list[FloatArray] = self._session.run(None, {self.input.name: batch})
        except _VENDOR_ERRORS as error:
            raise ExaminationError(
                f"the model failed on an input of shape {batch.shape}: {_first_line(error)}"
            ) from error
        return outputs


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


def open_first(model_for: Callable[[Provider], Model], provider: Provider, threads: int = 1) -> Session:
    """Like ``open_session``, for a model that comes in one graph per provider.

    Args:
        model_for: gives the graph for CPU, CUDA or TensorRT; called right before that one is tried.
        provider: where to run it.
        threads: CPU threads of one run.

    Raises:
        ProviderUnavailableError: the provider does not work on this machine.
        ModelMissingError: there is no such file.
        ModelCorruptError: the bytes are not a graph that can be run.
    """
    if provider is not Provider.AUTO:
        return _create(model_for(provider), provider, threads)
    for candidate in _compiled_in()[:-1]:
        try:
            return _create(model_for(candidate), candidate, threads)
        except ProviderUnavailableError:
            continue
    return _create(model_for(Provider.CPU), Provider.CPU, threads)


def choose_precision(wanted: Precision, provider: Provider) -> Precision:
    """FP32 or INT8 for a provider that was chosen.

    Raises:
        InvalidOptionError: int8 was asked for on a GPU.
    """
    if provider is not Provider.CPU:
        if wanted is Precision.INT8:
            raise InvalidOptionError(
                f"int8 models do not run on {provider.label}", "use the precision auto or fp32"
            )
        return Precision.FP32
    if wanted is not Precision.AUTO:
        return wanted
    return Precision.INT8 if has_int8_dot_products() else Precision.FP32


def has_int8_dot_products(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether the CPU multiplies and adds int8 in one instruction; without it fp32 is as fast."""
    return _int8_instructions(cpu_info) is not None


def describe(card: ModelCard, cpu_info: Path = _CPU_INFO) -> str:
    """Where and how a model runs, as ``CPU (int8, VNNI)``."""
    details = [card.precision]
    if card.provider == Provider.CPU.label and card.precision == Precision.INT8:
        details.append(_int8_instructions(cpu_info) or "no int8 instructions")
    return f"{card.provider} ({', '.join(details)})"


def _int8_instructions(cpu_info: Path) -> str | None:
    try:
        words = set(cpu_info.read_text("ascii", "replace").split())
    except OSError:
        return None
    return next((name for flag, name in _INT8_DOT_PRODUCT_FLAGS.items() if flag in words), None)


def _compiled_in() -> list[Provider]:
    available = onnxruntime.get_available_providers()
    return [provider for provider in _PREFERENCE if _ORT_NAMES[provider] in available]


def _create(model: Model, provider: Provider, threads: int) -> Session:
    if isinstance(model, Path) and not model.is_file():
        raise ModelMissingError(
            f"there is no model file {model}", "run `framecloak models list` to see what is there"
        )
    if provider not in _compiled_in():
        raise ProviderUnavailableError(f"this onnxruntime was built without {provider.label}", _GPU_HINT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(
            os.fspath(model) if isinstance(model, Path) else model,
            options,
            providers=_provider_chain(model, provider),
            enable_fallback=0,  # or it prints to stdout and carries on with the CPU
        )
    except _VENDOR_ERRORS as error:
        if provider is Provider.CPU or isinstance(error, _BAD_MODEL_ERRORS):
            raise _corrupt(model, error) from error
        raise _unavailable(provider, _first_line(error)) from error
    if session.get_providers()[0] != _ORT_NAMES[provider]:
        raise _unavailable(provider, "the runtime fell back to another provider")
    return Session(session, provider)


def _provider_chain(model: Model, provider: Provider) -> Sequence[str | tuple[str, dict[str, str]]]:
    """The provider first, then those that run the operators it lacks."""
    cpu = _ORT_NAMES[Provider.CPU]
    if provider is Provider.CPU:
        return [cpu]
    # Videos come in many sizes; an exhaustive search would run again for each of them.
    cuda = (_ORT_NAMES[Provider.CUDA], {"cudnn_conv_algo_search": "HEURISTIC"})
    if provider is Provider.CUDA:
        return [cuda, cpu]
    cache: dict[str, str] = {}
    if isinstance(model, Path):
        cache = {
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": os.fspath(model.parent / "tensorrt"),
        }
    return [(_ORT_NAMES[Provider.TENSORRT], cache), cuda, cpu]


def _corrupt(model: Model, error: Exception) -> ModelCorruptError:
    name = str(model) if isinstance(model, Path) else "the model"
    return ModelCorruptError(
        f"{name} cannot be loaded: {_first_line(error)}",
        "remove the file and fetch or build it again; `framecloak models verify` checks the rest",
    )


def _unavailable(provider: Provider, reason: str) -> ProviderUnavailableError:
    return ProviderUnavailableError(f"{provider.label} does not work here: {reason}", _GPU_HINT)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _tensor_info(tensor: onnxruntime.NodeArg) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    return TensorInfo(tensor.name, shape)
