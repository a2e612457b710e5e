"""What is in folders that other processes change meanwhile, which ``Path.rglob`` and ``glob`` fail on."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path


def files_below(folder: Path) -> list[str]:
    """Paths below a folder of all files in it, with ``/`` between folders, in order."""
    # Folders that are gone when they are to be opened are passed over.
    found = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())


def folders_below(folder: Path, outer: str, inner: str) -> list[Path]:
    """Folders two levels below one, whose names match."""
    return [
        path
        for parent in names_in(folder)
        if fnmatch(parent, outer)
        for path in (folder / parent / name for name in names_in(folder / parent))
        if fnmatch(path.name, inner)
    ]


def names_in(folder: Path) -> list[str]:
    """What is in a folder; nothing if it is gone."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
