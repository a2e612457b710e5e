"""Asynchronous file I/O through threads, at the speed of the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from framecloak.adapters.storage.threads import in_thread, wait_until_done
from framecloak.domain.errors import DomainError, StorageFullError, StorageUnavailableError

PARTIAL_PREFIX = "~partial-"
"""Name prefix of unfinished files; keys contain no ``~``, so it cannot collide with an object."""
READ_SIZE = 1024 * 1024
"""Bytes per chunk: small enough to forward without delay, large enough to amortise a thread switch."""

_WRITE_SIZE = 4 * 1024 * 1024
_COPY_SIZE = 256 * 1024 * 1024
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_COPY_RANGE_ERRNOS = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


@contextmanager
def disk_errors(action: str) -> Iterator[None]:
    """Translate errors of the operating system into domain errors.

    Args:
        action: attempted action, as in ``cannot <action>``.

    Raises:
        StorageFullError: the disk is full or its quota is exhausted.
        StorageUnavailableError: any other error occurred.
    """
    try:
        yield
    except OSError as error:
        raise _translate(error, action) from error


def _translate(error: OSError, action: str) -> DomainError:
    if error.errno in _DISK_FULL_ERRNOS:
        return StorageFullError(
            f"cannot {action}: the disk is full", "free some space or choose another disk"
        )
    reason = error.strerror or str(error)
    return StorageUnavailableError(
        f"cannot {action}: {reason}", "check the storage folder and its permissions"
    )


def create_file(path: Path) -> BinaryIO:
    """Create a file that only its owner can read, in any folder, because it may hold unredacted video.

    Raises:
        OSError: the file exists already or cannot be created.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def write_stream(file: BinaryIO, chunks: AsyncIterator[bytes]) -> None:
    """Append a stream to a file, collecting the next block while one is written.

    Network chunks have at most 64 kB, and a thread switch costs as much as writing one of them. Chunks are
    therefore joined to blocks, at most two of which are in memory.

    Args:
        file: file open for writing; it stays open, and no thread uses it after this returns or raises.
        chunks: stream of bytes; its exceptions are passed on.

    Raises:
        StorageFullError: the disk is full.
        StorageUnavailableError: the file cannot be written.
    """
    writing: asyncio.Task[None] | None = None
    try:
        async for block in _blocks(chunks):
            if writing:
                await writing
            writing = asyncio.create_task(in_thread(_write, file, block))
        if writing:
            await writing
    finally:
        if writing:
            await wait_until_done(writing)


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    async for chunk in chunks:
        block.append(chunk)
        size += len(chunk)
        if size >= _WRITE_SIZE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _write(file: BinaryIO, block: list[bytes]) -> None:
    with disk_errors("write to the storage"):
        file.writelines(block)
        file.flush()  # buffered bytes would otherwise fail on close, with an untranslated error


async def read_stream(file: BinaryIO, length: int = sys.maxsize) -> AsyncIterator[bytes]:
    """Yield bytes of a file in chunks.

    Args:
        file: file open for reading, positioned at the first byte; it stays open.
        length: maximum number of bytes; by default, up to the end of the file.

    Raises:
        StorageUnavailableError: the file cannot be read.
    """
    remaining = length
    while remaining > 0 and (chunk := await in_thread(_read, file, min(remaining, READ_SIZE))):
        remaining -= len(chunk)
        yield chunk


def _read(file: BinaryIO, size: int) -> bytes:
    with disk_errors("read from the storage"):
        return file.read(size)


async def copy_file(source: BinaryIO, target: BinaryIO) -> None:
    """Copy a whole file, sharing blocks where the file system supports it (Btrfs, XFS).

    A hard link would be faster, but a later change of the source would change the copy.

    Raises:
        StorageFullError: the disk is full.
        StorageUnavailableError: the source cannot be read or the target cannot be written.
    """
    while await in_thread(_copy_chunk, source, target):
        pass


def _copy_chunk(source: BinaryIO, target: BinaryIO) -> int:
    with disk_errors("copy into the storage"):
        try:
            return os.copy_file_range(source.fileno(), target.fileno(), _COPY_SIZE)
        except OSError as error:
            if error.errno not in _NO_COPY_RANGE_ERRNOS:
                raise
        return os.sendfile(target.fileno(), source.fileno(), None, _COPY_SIZE)


def sync_file(file: BinaryIO) -> None:
    """Flush a file to disk, so that its content survives a power failure."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk after a rename, where the file system and permissions allow it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
