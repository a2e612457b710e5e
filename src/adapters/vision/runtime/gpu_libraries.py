"""Shared libraries that ONNX Runtime needs on a GPU: loads those of wheels, and names one that is missing."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import onnxruntime

CUDA = "libonnxruntime_providers_cuda.so"
TENSORRT = "libonnxruntime_providers_tensorrt.so"


@cache
def load_from_wheels() -> None:
    """Load CUDA and cuDNN out of NVIDIA's wheels where there are any; a system's own are found anyway."""
    if importlib.util.find_spec("nvidia") is not None:
        # It says on standard output what it did not find, which is for our own answers.
        with redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()


def why_it_cannot_be_loaded(library: str) -> str | None:
    """What the linker says against one of the runtime's own libraries; None where it has no objection.

    The runtime writes that into its log, and no error has it.
    """
    try:
        ctypes.CDLL(str(Path(onnxruntime.__file__).parent / "capi" / library))
    except OSError as error:
        return str(error)
    return None
