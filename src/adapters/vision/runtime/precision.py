"""Numeric precision of models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.imaging.detections import ModelCard

_CPU_INFO = Path("/proc/cpuinfo")
_INT8_DOT_PRODUCT_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "asimddp": "dot product"}


class Precision(StrEnum):
    """Numeric precision of a model's calculations."""

    AUTO = "auto"
    """int8 on every CPU, so that all CPUs give the same results; fp32 on a GPU."""
    FP32 = "fp32"
    FP16 = "fp16"
    """GPUs only; a CPU would convert every value to fp32 and back."""
    INT8 = "int8"
    """CPUs only."""


def choose_precision(requested: Precision, provider: Provider) -> Precision:
    """Resolve ``AUTO`` for a provider and check the other precisions.

    Args:
        requested: requested precision.
        provider: provider on which the model runs.

    Returns:
        FP32, FP16 or INT8.

    Raises:
        InvalidOptionError: int8 was requested on a GPU, or fp16 on a CPU.
    """
    if provider is not Provider.CPU:
        if requested is Precision.INT8:
            raise InvalidOptionError(
                f"int8 models do not run on {provider.label}", "use the precision auto, fp32 or fp16"
            )
        return Precision.FP32 if requested is Precision.AUTO else requested
    if requested is Precision.FP16:
        raise InvalidOptionError(
            "fp16 models run on GPUs only, and this one would run on the CPU",
            "use the precision auto, fp32 or int8, or name the GPU's provider to see why it does not work",
        )
    if requested is not Precision.AUTO:
        return requested
    return Precision.INT8


def describe_execution(card: ModelCard, cpu_info: Path = _CPU_INFO) -> str:
    """Describe the provider and precision of a model, for example ``CPU (int8, VNNI)``.

    Args:
        card: description of the model.
        cpu_info: path of a file that lists the CPU's features in the format of /proc/cpuinfo.
    """
    details = [card.precision]
    if card.provider == Provider.CPU.label and card.precision == Precision.INT8:
        details += _int8_dot_products(cpu_info)
    return f"{card.provider} ({', '.join(details)})"


def _int8_dot_products(cpu_info: Path) -> list[str]:
    """Return the name of the CPU's int8 dot product instruction, as a list of at most one item."""
    try:
        words = set(cpu_info.read_text("ascii", "replace").split())
    except OSError:
        return []
    return [name for flag, name in _INT8_DOT_PRODUCT_FLAGS.items() if flag in words][:1]
