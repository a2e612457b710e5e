"""ZIP archives that appear whole or not at all, and are the same bytes for the same frames."""

from __future__ import annotations

import errno
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from lzma import LZMAError
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from domain.errors import DomainError, ObjectNotFoundError, OutputUnwritableError, StorageFullError

# The earliest time that ZIP can say; a real one would make every archive different and tell when it ran.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_DAMAGE = (
    EOFError,
    KeyError,
    LZMAError,
    OSError,
    # Of entries with a password, or packed in a way that is not known here.
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a ZIP ends with that somebody else has made, or damaged."""

_READABLE_BY_ALL = 0o644 << 16
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PIECE = 1 << 20


class ZipArchive:
    """Writes a ZIP beside its place under a hidden name and moves it there when it is complete.

    Entries are stored, not deflated: encoded pictures do not shrink. Archives and entries may be larger
    than 4 GiB (ZIP64). As a context manager it discards what was not committed.

    Args:
        path: where the archive is to appear; a file there is replaced at `commit`.

    Raises:
        OutputUnwritableError: the folder does not exist or cannot be written to.
        StorageFullError: the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        self._names: set[str] = set()
        if path.is_dir():
            raise OutputUnwritableError(f"cannot write {path}: it is a folder", "name a ZIP file")
        with translated(self._path):
            self._file = self._create()
            self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def add(self, name: str, data: bytes) -> None:
        """Append one entry.

        Args:
            name: path inside the archive, with ``/`` between folders.
            data: its bytes.

        Raises:
            ValueError: the name was added before.
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        entry = self._entry(name)
        with translated(self._path):
            self._zip.writestr(entry, data)

    def add_stream(self, name: str, pieces: Iterable[bytes]) -> None:
        """Append one entry of any length; an error of the iterator comes through.

        Args:
            name: path inside the archive, with ``/`` between folders.
            pieces: its bytes.

        Raises:
            ValueError: the name was added before.
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        entry = self._entry(name)
        with translated(self._path), self._zip.open(entry, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)

    def commit(self) -> None:
        """Write the directory, make sure that all of it is on the disk, and give it its name.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        with translated(self._path):
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self._path)
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove every trace of an archive that was not committed; harmless after `commit`."""
        # Closing the file alone: closing the ZIP would still write its directory to a disk that is full.
        self._zip.fp = None
        with suppress(OSError):  # what was still buffered is thrown away with the file
            self._file.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def _create(self) -> IO[bytes]:
        return self._partial.open("xb")

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name in self._names:
            raise ValueError(f"the archive already holds {name}")
        self._names.add(name)
        entry = zipfile.ZipInfo(name, _TIMESTAMP)
        entry.external_attr = _READABLE_BY_ALL
        entry.create_system = 3  # Unix, on whatever system it runs
        return entry


class ZipReader:
    """Reads the entries of a ZIP; what is read was checked against its CRC.

    Args:
        path: of the ZIP.

    Raises:
        ObjectNotFoundError: it is not there, or no ZIP.
    """

    def __init__(self, path: Path) -> None:
        with _damage_translated(path.name):
            self._zip = zipfile.ZipFile(path)

    @property
    def names(self) -> list[str]:
        """Of all entries, in their order; a name may occur twice where somebody added to the archive."""
        return self._zip.namelist()

    def stream(self, name: str) -> Iterator[bytes]:
        """One entry, in pieces.

        Raises:
            ObjectNotFoundError: there is none, or the archive is damaged.
        """
        with _damage_translated(name), self._zip.open(name) as file:
            while piece := file.read(_PIECE):
                yield piece

    def read(self, name: str) -> bytes:
        """One entry.

        Raises:
            ObjectNotFoundError: there is none, or the archive is damaged.
        """
        with _damage_translated(name):
            return self._zip.read(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._zip.close()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say failures to write a file as the people who use Framecloak would.

    Raises:
        StorageFullError: the disk is full.
        OutputUnwritableError: any other failure.
    """
    try:
        yield
    except OSError as error:
        raise _translate(error, path) from error


@contextmanager
def _damage_translated(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ObjectNotFoundError(f"{name} is gone or damaged") from error


def _translate(error: OSError, path: Path) -> DomainError:
    if error.errno in _FULL:
        message = f"no space left to write {path}"
        return StorageFullError(message, "free some space or choose another disk")
    reason = error.strerror or str(error)
    message = f"cannot write {path}: {reason}"
    return OutputUnwritableError(message, "choose a folder that exists and can be written to")


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut, where the file system and the permissions allow it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
