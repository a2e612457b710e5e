"""Files written and read by the event loop at the speed of the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from framecloak.adapters.storage.threads import in_thread, settled
from framecloak.domain.errors import DomainError, StorageFullError, StorageUnavailableError

PARTIAL_PREFIX = "~partial-"
"""Begins the name of every unfinished file; no key has a ``~``, so none can be mistaken for an object."""
READ_SIZE = 1024 * 1024
"""Bytes a chunk; small enough to send on at once, large enough to make a thread's turn worth it."""

_WRITE_SIZE = 4 * 1024 * 1024
_COPY_SIZE = 256 * 1024 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_CLONING = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM}


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Translate what the operating system says about a disk.

    Args:
        what: what was being done, as in ``cannot <what>``.

    Raises:
        StorageFullError: no space, or no quota, is left.
        StorageUnavailableError: any other error.
    """
    try:
        yield
    except OSError as error:
        raise _translate(error, what) from error


def _translate(error: OSError, what: str) -> DomainError:
    if error.errno in _FULL:
        return StorageFullError(f"cannot {what}: the disk is full", "free some space or choose another disk")
    reason = error.strerror or str(error)
    return StorageUnavailableError(f"cannot {what}: {reason}", "check the storage folder and its permissions")


def create_file(path: Path) -> BinaryIO:
    """A new file that nobody but its owner can read, whatever folder it is in: videos are not redacted.

    Raises:
        OSError: it is there already, or cannot be made.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def write_stream(file: BinaryIO, chunks: AsyncIterator[bytes]) -> None:
    """Append a stream to a file; while one block is written, the next is collected.

    A network delivers in chunks of 64 kB at most, and a turn in a thread costs as much as writing one
    of them: hence the blocks. At most two of them are in memory.

    Args:
        file: open for writing; left open. No thread uses it any more when this returns or raises.
        chunks: what it raises comes through.

    Raises:
        StorageFullError: the disk is full.
        StorageUnavailableError: it cannot be written to.
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
            await settled(writing)


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
        file.flush()  # what stayed in the buffer would fail when the file is closed, untranslated


async def read_stream(file: BinaryIO, length: int = sys.maxsize) -> AsyncIterator[bytes]:
    """The next bytes of a file in chunks.

    Args:
        file: open for reading, at the first byte that is wanted; left open.
        length: bytes to read at most; without it, to the end.

    Raises:
        StorageUnavailableError: it cannot be read.
    """
    left = length
    while left > 0 and (chunk := await in_thread(_read, file, min(left, READ_SIZE))):
        left -= len(chunk)
        yield chunk


def _read(file: BinaryIO, size: int) -> bytes:
    with disk_errors("read from the storage"):
        return file.read(size)


async def copy_file(source: BinaryIO, target: BinaryIO) -> None:
    """Copy a whole file, sharing its blocks where the file system can (Btrfs, XFS).

    A hard link would be quicker still, but whoever changed the source later would change the copy.

    Raises:
        StorageFullError: the disk is full.
        StorageUnavailableError: one cannot be read or the other not be written.
    """
    while await in_thread(_copy_some, source, target):
        pass


def _copy_some(source: BinaryIO, target: BinaryIO) -> int:
    with disk_errors("copy into the storage"):
        try:
            return os.copy_file_range(source.fileno(), target.fileno(), _COPY_SIZE)
        except OSError as error:
            if error.errno not in _NO_CLONING:
                raise
        return os.sendfile(target.fileno(), source.fileno(), None, _COPY_SIZE)


def sync_file(file: BinaryIO) -> None:
    """Make sure that what was written outlasts a power cut."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut, where the file system and the permissions allow it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
