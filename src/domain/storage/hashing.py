"""SHA-256 of files and streams, computed in threads."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from os import stat_result
from pathlib import Path
from typing import NamedTuple

_BLOCK_BYTES = 1 << 20
_INLINE_BYTES = 1 << 16
"""Chunks up to this size are hashed in the event loop, in less time than a thread takes to start."""


class FileVersion(NamedTuple):
    """Version of a local file; it differs after any change of its content, also within the same second."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: stat_result) -> FileVersion:
        """Return the version in the status of a file."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class HashedFile(NamedTuple):
    """SHA-256 of a file in hex, with the version that has it."""

    sha256: str
    version: FileVersion


async def file_version(path: Path) -> FileVersion:
    """Return the version of a file.

    Raises:
        OSError: the file cannot be examined.
    """
    return FileVersion.of(await asyncio.to_thread(path.stat))


async def hash_file(path: Path) -> HashedFile:
    """Return the SHA-256 of a file. A cancelled call stops reading within one block.

    Raises:
        OSError: the file cannot be read.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_hash, path, stop)
    finally:
        stop.set()


async def hash_stream(chunks: AsyncIterator[bytes]) -> tuple[str, int]:
    """Return the SHA-256 of a stream in hex, and its length in bytes."""
    digest, size = hashlib.sha256(), 0
    async for chunk in chunks:
        size += len(chunk)
        await update(digest, chunk)
    return digest.hexdigest(), size


async def update(digest: hashlib._Hash, chunk: bytes) -> None:
    """Add a chunk of a stream to a digest without blocking the event loop."""
    if len(chunk) > _INLINE_BYTES:
        await asyncio.to_thread(digest.update, chunk)
    else:
        digest.update(chunk)


def _hash(path: Path, stop: threading.Event) -> HashedFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        version = FileVersion.of(path.stat())
        while not stop.is_set() and (block := file.read(_BLOCK_BYTES)):
            digest.update(block)
    return HashedFile(digest.hexdigest(), version)
