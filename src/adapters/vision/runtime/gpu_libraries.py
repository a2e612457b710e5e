"""Loading and diagnosis of the shared libraries that ONNX Runtime needs on a GPU."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import onnxruntime

CUDA_LIBRARY = "libonnxruntime_providers_cuda.so"
TENSORRT_LIBRARY = "libonnxruntime_providers_tensorrt.so"


@cache
def load_from_wheels() -> None:
    """Load CUDA and cuDNN from NVIDIA's wheels if they are installed; the linker finds system libraries."""
    if importlib.util.find_spec("nvidia") is not None:
        # The function prints missing libraries to standard output, which is reserved for command output.
        with redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()


def loading_error(library: str) -> str | None:
    """Return the linker's error for one of the runtime's own libraries; None if it can be loaded.

    The runtime only logs this error and does not include it in its exceptions.
    """
    try:
        ctypes.CDLL(str(Path(onnxruntime.__file__).parent / "capi" / library))
    except OSError as error:
        return str(error)
    return None
