"""What models calculate with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.imaging.detections import ModelCard

_CPU_INFO = Path("/proc/cpuinfo")
_INT8_DOT_PRODUCT_FLAGS = {"avx512_vnni": "VNNI", "avx_vnni": "VNNI", "asimddp": "dot product"}


class Precision(StrEnum):
    """The numbers a model calculates with."""

    AUTO = "auto"
    """int8 on a CPU, whatever that can do, so that all come to the same result; fp32 on a GPU."""
    FP32 = "fp32"
    FP16 = "fp16"
    """On GPUs alone; a CPU turns every number into fp32 and back."""
    INT8 = "int8"
    """On CPUs alone."""


def choose_precision(wanted: Precision, provider: Provider) -> Precision:
    """FP32, FP16 or INT8 for a provider that was chosen.

    Raises:
        InvalidOptionError: int8 was asked for on a GPU, or fp16 on a CPU.
    """
    if provider is not Provider.CPU:
        if wanted is Precision.INT8:
            raise InvalidOptionError(
                f"int8 models do not run on {provider.label}", "use the precision auto, fp32 or fp16"
            )
        return Precision.FP32 if wanted is Precision.AUTO else wanted
    if wanted is Precision.FP16:
        raise InvalidOptionError(
            "fp16 models run on GPUs alone, and this one would run on the CPU",
            "use the precision auto, fp32 or int8, or name the GPU's provider to learn why it does not work",
        )
    if wanted is not Precision.AUTO:
        return wanted
    return Precision.INT8


def describe(card: ModelCard, cpu_info: Path = _CPU_INFO) -> str:
    """Where and how a model runs, as ``CPU (int8, VNNI)`` or ``CPU (int8)``.

    Args:
        card: of the model.
        cpu_info: says what the CPU can do, as Linux does in /proc/cpuinfo.
    """
    details = [card.precision]
    if card.provider == Provider.CPU.label and card.precision == Precision.INT8:
        details += _int8_dot_products(cpu_info)
    return f"{card.provider} ({', '.join(details)})"


def _int8_dot_products(cpu_info: Path) -> list[str]:
    """The name of the instruction that multiplies and adds int8 at once; empty where there is none."""
    try:
        words = set(cpu_info.read_text("ascii", "replace").split())
    except OSError:
        return []
    return [name for flag, name in _INT8_DOT_PRODUCT_FLAGS.items() if flag in words][:1]
