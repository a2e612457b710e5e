"""Names that people give to their files."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

LONGEST_FILENAME = 255
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's categories of what must not get into a line of text: controls, formats, line separators."""


def tidy(filename: str) -> str:
    """What is left of a name that somebody sent: one printable line, no folders."""
    name = PureWindowsPath(PurePosixPath(filename).name).name
    visible = "".join(one for one in name if unicodedata.category(one) not in INVISIBLE).strip()
    return visible[:LONGEST_FILENAME] if visible.strip(".") else "video"
