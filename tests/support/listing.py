"""Folder listings that tolerate concurrent changes, on which ``Path.rglob`` and ``glob`` fail."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path


def files_below(folder: Path) -> list[str]:
    """Return the sorted relative paths of all files below a folder, with ``/`` as separator."""
    # Folders that disappear before they are opened are skipped.
    found = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())


def folders_below(folder: Path, outer: str, inner: str) -> list[Path]:
    """Return the folders two levels below one whose names match."""
    return [
        path
        for parent in names_in(folder)
        if fnmatch(parent, outer)
        for path in (folder / parent / name for name in names_in(folder / parent))
        if fnmatch(path.name, inner)
    ]


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder; empty if the folder is gone."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
