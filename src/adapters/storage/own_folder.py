"""Folders that belong to one process, and go with it even when it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.storage.files import disk_errors


class OwnFolder:
    """A new folder that nobody else may read. It goes when it is closed, or with the next `sweep`.

    Its process holds a lock on it for as long as it lives.

    Args:
        parent: where the folder is made; other processes may use the same.
        prefix: what its name begins with.

    Attributes:
        path: of the folder.

    Raises:
        StorageUnavailableError: the folder cannot be made.
        StorageFullError: the disk is full.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        with disk_errors(f"make a folder in {parent}"):
            self.path, self._lock = _locked_folder(parent, prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep(parent: Path, prefix: str) -> int:
    """Remove the folders of processes that ended without doing so.

    Returns:
        How many.

    Raises:
        StorageUnavailableError: the disk fails.
    """
    swept = 0
    with disk_errors(f"clean up {parent}"):
        for folder in parent.glob(f"{prefix}*"):
            with suppress(FileNotFoundError, NotADirectoryError):
                lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                    swept += 1
                except BlockingIOError:
                    continue  # its process lives
                finally:
                    os.close(lock)
    return swept


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Perhaps somebody is just taking it for one that was left behind, and has the lock.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)
