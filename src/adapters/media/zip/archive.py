"""Atomic, reproducible ZIP archives: the same entries always give the same bytes."""

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
    MAX_BYTES_WITHOUT_ZIP64,
    ZipEntry,
    directory_record,
    end_of_directory,
    local_header,
)
from framecloak.adapters.media.zip.integrity import find_foreign_content
from framecloak.domain.errors import DomainError, ObjectNotFoundError, OutputUnwritableError, StorageFullError
from framecloak.domain.ports.archives import ForeignContent

_READ_ERRORS = (
    EOFError,
    KeyError,
    LZMAError,
    OSError,
    # Encrypted entries, and unsupported compression methods.
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""Errors that reading a foreign or damaged ZIP can raise."""

_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CHUNK_BYTES = 1 << 20


class ZipArchive:
    """ZIP writer that works under a hidden name in the target folder and renames the complete file.

    Entries are stored, not deflated, because encoded images do not shrink. Archives and entries may be
    larger than 4 GiB (ZIP64). As a context manager it discards an archive that was not committed.

    Args:
        path: target path; `commit` replaces an existing file.

    Raises:
        OutputUnwritableError: the folder does not exist or is not writable.
        StorageFullError: the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        self._names: set[str] = set()
        if path.is_dir():
            raise OutputUnwritableError(f"cannot write {path}: it is a folder", "name a ZIP file")
        with translate_write_errors(self._path):
            self._file = self._create()
        self._entries: list[ZipEntry] = []
        self._end = 0

    def add(self, name: str, data: bytes) -> None:
        """Append one entry.

        Args:
            name: path inside the archive, with ``/`` between folders.
            data: content of the entry.

        Raises:
            ValueError: the archive already has an entry of this name.
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        self._write(name, (data,), is_zip64=len(data) > MAX_BYTES_WITHOUT_ZIP64)

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Append one entry of any length. Errors of the iterator are passed on to the caller.

        Args:
            name: path inside the archive, with ``/`` between folders.
            chunks: content of the entry, in chunks.

        Raises:
            ValueError: the archive already has an entry of this name.
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        self._write(name, chunks, is_zip64=True)

    def commit(self) -> None:
        """Write the central directory, flush the file to disk and rename it to its final name.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        with translate_write_errors(self._path):
            self._write_directory()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self._path)
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        """Remove the unfinished file of an archive that was not committed. Has no effect after `commit`."""
        with suppress(OSError):  # buffered data is lost with the file
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

    def _write(self, name: str, chunks: Iterable[bytes], *, is_zip64: bool) -> None:
        if name in self._names:
            raise ValueError(f"the archive already holds {name}")
        size = crc = 0
        with translate_write_errors(self._path):
            # Continue after the last complete entry; this overwrites the rest of an entry that failed.
            self._file.seek(self._end)
            self._file.write(local_header(ZipEntry(name, self._end, size, crc, is_zip64)))
            for chunk in chunks:
                self._file.write(chunk)
                size += len(chunk)
                crc = zlib.crc32(chunk, crc)
            entry = ZipEntry(name, self._end, size, crc, is_zip64)
            self._file.seek(entry.offset)
            self._file.write(local_header(entry))
        self._names.add(name)
        self._entries.append(entry)
        self._end = entry.content_start + entry.size

    def _write_directory(self) -> None:
        self._file.seek(self._end)
        size = sum(self._file.write(directory_record(entry)) for entry in self._entries)
        self._file.write(end_of_directory(len(self._entries), self._end, size))
        self._file.truncate()


class ZipReader:
    """Reader of ZIP entries. Every entry that is read to its end is checked against its CRC.

    Args:
        path: path of the ZIP.

    Raises:
        ObjectNotFoundError: the file does not exist or is not a ZIP.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with _translate_read_errors(path.name), ExitStack() as opened:
            self._file = opened.enter_context(path.open("rb"))
            self._zip = zipfile.ZipFile(self._file)
            opened.pop_all()

    @property
    def names(self) -> list[str]:
        """Names of all entries, in directory order. A name may occur twice if the archive was extended."""
        return self._zip.namelist()

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield the content of one entry in chunks.

        Raises:
            ObjectNotFoundError: there is no such entry, or the archive is damaged.
        """
        with _translate_read_errors(name), self._zip.open(name) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def read(self, name: str) -> bytes:
        """Return the content of one entry.

        Raises:
            ObjectNotFoundError: there is no such entry, or the archive is damaged.
        """
        with _translate_read_errors(name):
            return self._zip.read(name)

    def foreign_content(self) -> list[ForeignContent]:
        """List everything in the file that is neither an entry nor written by `ZipArchive` around entries.

        Raises:
            ObjectNotFoundError: the file can no longer be read.
        """
        with _translate_read_errors(self._name):
            return list(find_foreign_content(self._file, self._zip.infolist()))

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
def translate_write_errors(path: Path) -> Iterator[None]:
    """Translate errors of the operating system into domain errors about writing ``path``.

    Raises:
        StorageFullError: the disk is full.
        OutputUnwritableError: writing failed for any other reason.
    """
    try:
        yield
    except OSError as error:
        raise _to_domain_error(error, path) from error


@contextmanager
def _translate_read_errors(name: str) -> Iterator[None]:
    try:
        yield
    except _READ_ERRORS as error:
        raise ObjectNotFoundError(f"{name} is gone or damaged") from error


def _to_domain_error(error: OSError, path: Path) -> DomainError:
    if error.errno in _DISK_FULL_ERRNOS:
        message = f"no space left to write {path}"
        return StorageFullError(message, "free some space or choose another disk")
    reason = error.strerror or str(error)
    message = f"cannot write {path}: {reason}"
    return OutputUnwritableError(message, "choose a folder that exists and can be written to")


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure, where the file system and the permissions allow it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
