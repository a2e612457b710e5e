"""Scratch folders that belong to one process, and are cleaned up even when it was killed."""

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


class ScratchFolder:
    """New folder that only this user can read; deleted on close, or by the next clean-up after a crash.

    The process holds a lock on the folder while it runs.

    Args:
        parent: folder in which it is created; processes may share it.
        prefix: name prefix.

    Attributes:
        path: path of the folder.

    Raises:
        StorageUnavailableError: the folder cannot be created.
        StorageFullError: the disk is full.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        with disk_errors(f"create a folder in {parent}"):
            self.path, self._lock = _create_locked_folder(parent, prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the folder with all its contents."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_stale(parent: Path, *prefixes: str) -> int:
    """Delete the folders that killed processes left behind.

    Args:
        parent: folder in which they were created.
        prefixes: their name prefixes.

    Returns:
        The number of deleted folders.

    Raises:
        StorageUnavailableError: the disk failed, or some folders cannot be deleted; the others are deleted.
    """
    removed, failed = 0, list[Path]()
    with disk_errors(f"clean up {parent}"):
        folders = [folder for prefix in prefixes for folder in parent.glob(f"{prefix}*")]
    for folder in folders:
        try:
            removed += _remove_if_stale(folder)
        except OSError:
            failed.append(folder)
    if failed:
        message = (
            f"cannot remove {len(failed)} folder(s) that killed processes left behind, {failed[0]} first"
        )
        raise StorageUnavailableError(message, "remove them by hand: their contents are not redacted")
    return removed


def _remove_if_stale(folder: Path) -> bool:
    """Delete a folder unless its process is running; return whether it was deleted.

    Raises:
        OSError: the folder cannot be opened or cannot be deleted completely.
    """
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Delete as much as possible; files that another process has just deleted are no error.
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise OSError(f"{folder} cannot be removed")
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _create_locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # A concurrent clean-up may have mistaken the new folder for a stale one and locked it.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)
