"""Free space of the disks that the service writes to."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_bytes(*folders: Path) -> int:
    """Return the free bytes of the fullest of the file systems of some folders.

    Args:
        *folders: folders; the nearest existing parent counts for one that does not exist.
    """
    return min(shutil.disk_usage(_existing(folder)).free for folder in folders)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
