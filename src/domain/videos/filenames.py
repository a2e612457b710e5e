"""Names of files given by users."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

LONGEST_FILENAME = 255
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are removed from names: controls, formats, line separators."""


def tidy(filename: str) -> str:
    """Reduce an untrusted file name to one printable line without folders."""
    name = PureWindowsPath(PurePosixPath(filename).name).name
    visible = "".join(char for char in name if unicodedata.category(char) not in INVISIBLE).strip()
    return visible[:LONGEST_FILENAME] if visible.strip(".") else "video"
