"""Names of files given by users."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

MAX_FILENAME_LENGTH = 255
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are removed from names: controls, formats, line separators."""


def without_invisible(text: str) -> str:
    """Return text without characters that are not shown, but may turn or hide what stands beside them."""
    return "".join(char for char in text if unicodedata.category(char) not in INVISIBLE_CATEGORIES)


def sanitize_filename(filename: str) -> str:
    """Reduce an untrusted file name to one printable line without folders."""
    name = PureWindowsPath(PurePosixPath(filename).name).name
    visible = without_invisible(name).strip()
    return visible[:MAX_FILENAME_LENGTH] if visible.strip(".") else "video"
