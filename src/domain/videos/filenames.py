"""Names of files given by users."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

MAX_FILENAME_LENGTH = 255
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are removed from names: controls, formats, line separators."""


def sanitize_filename(filename: str) -> str:
    """Reduce an untrusted file name to one printable line without folders."""
    name = PureWindowsPath(PurePosixPath(filename).name).name
    visible = "".join(char for char in name if unicodedata.category(char) not in INVISIBLE_CATEGORIES).strip()
    return visible[:MAX_FILENAME_LENGTH] if visible.strip(".") else "video"
