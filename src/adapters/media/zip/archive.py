"""ZIP archives that appear whole or not at all, and are the same bytes for the same frames."""

from __future__ import annotations

import errno
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from lzma import LZMAError
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from framecloak.adapters.media.zip.format import (
    LIMIT,
    Entry,
    directory_record,
    end_of_directory,
    local_header,
)
from framecloak.adapters.media.zip.integrity import misfits
from framecloak.domain.errors import DomainError, ObjectNotFoundError, OutputUnwritableError, StorageFullError
from framecloak.domain.ports import Misfit

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
        self._entries: list[Entry] = []
        self._end = 0

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
        self._write(name, (data,), is_long=len(data) > LIMIT)

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
        self._write(name, pieces, is_long=True)

    def commit(self) -> None:
        """Write the directory, make sure that all of it is on the disk, and give it its name.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: any other failure to write.
        """
        with translated(self._path):
            self._write_directory()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self._path)
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove every trace of an archive that was not committed; harmless after `commit`."""
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

    def _write(self, name: str, pieces: Iterable[bytes], *, is_long: bool) -> None:
        if name in self._names:
            raise ValueError(f"the archive already holds {name}")
        size = crc = 0
        with translated(self._path):
            # Where an earlier entry came to its end; what is left of one that did not is written over.
            self._file.seek(self._end)
            self._file.write(local_header(Entry(name, self._end, size, crc, is_long)))
            for piece in pieces:
                self._file.write(piece)
                size += len(piece)
                crc = zlib.crc32(piece, crc)
            entry = Entry(name, self._end, size, crc, is_long)
            self._file.seek(entry.offset)
            self._file.write(local_header(entry))
        self._names.add(name)
        self._entries.append(entry)
        self._end = entry.start + entry.size

    def _write_directory(self) -> None:
        self._file.seek(self._end)
        size = sum(self._file.write(directory_record(entry)) for entry in self._entries)
        self._file.write(end_of_directory(len(self._entries), self._end, size))
        self._file.truncate()


class ZipReader:
    """Reads the entries of a ZIP; what is read was checked against its CRC.

    Args:
        path: of the ZIP.

    Raises:
        ObjectNotFoundError: it is not there, or no ZIP.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with _damage_translated(path.name), ExitStack() as opened:
            self._file = opened.enter_context(path.open("rb"))
            self._zip = zipfile.ZipFile(self._file)
            opened.pop_all()

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

    def misfits(self) -> list[Misfit]:
        """What in it is neither an entry nor what `ZipArchive` writes around entries.

        Raises:
            ObjectNotFoundError: the file cannot be read any more.
        """
        with _damage_translated(self._name):
            return list(misfits(self._file, self._zip.infolist()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()


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
