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

from framecloak.adapters.storage.async_files import disk_errors
from framecloak.domain.errors import StorageUnavailableError


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


def sweep(parent: Path, *prefixes: str) -> int:
    """Remove the folders of processes that ended without doing so.

    Args:
        parent: where the folders were made.
        prefixes: what their names begin with.

    Returns:
        How many.

    Raises:
        StorageUnavailableError: the disk fails, or some cannot be removed; all others are.
    """
    swept, left = 0, list[Path]()
    with disk_errors(f"clean up {parent}"):
        folders = [folder for prefix in prefixes for folder in parent.glob(f"{prefix}*")]
    for folder in folders:
        try:
            swept += _removed_if_dead(folder)
        except OSError:
            left.append(folder)
    if left:
        message = f"cannot remove {len(left)} folder(s) that killed processes left behind, {left[0]} first"
        raise StorageUnavailableError(message, "remove them by hand: what is in them is not redacted")
    return swept


def _removed_if_dead(folder: Path) -> bool:
    """Remove a folder unless its process lives.

    Raises:
        OSError: it cannot be opened, or something in it stays.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # As much as possible; what another process has just removed from it is no error.
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise OSError(f"{folder} cannot be removed")
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


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
