"""What the key of an object may look like, so that it is a safe path in any store."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

MAX_LENGTH = 900
"""S3 takes 1024 bytes; the rest is left for what a store adds in front."""

_MAX_PART_LENGTH = 200
_PART = re.compile(rf"(?!\.+\Z)[A-Za-z0-9._-]{{1,{_MAX_PART_LENGTH}}}")
_LAST_OF_PREFIX = re.compile(rf"[A-Za-z0-9._-]{{0,{_MAX_PART_LENGTH}}}")


def is_part(name: str) -> bool:
    """Whether a name may stand between two slashes of a key; dots alone may not."""
    return bool(_PART.fullmatch(name))


def require_key(key: str) -> PurePosixPath:
    """Refuse what is no key; keys are made by the program, so a bad one is a mistake in it.

    Returns:
        The key as a relative path.

    Raises:
        ValueError: it is none.
    """
    parts = key.split("/")
    if len(key) > MAX_LENGTH or not all(map(is_part, parts)):
        raise ValueError(f"{key[:100]!r} is no key: letters, digits, '.', '_', '-' between single '/'")
    return PurePosixPath(*parts)


def require_prefix(prefix: str) -> str:
    """Refuse what no key can begin with; the empty prefix begins every key.

    Raises:
        ValueError: it is such.
    """
    *folders, last = prefix.split("/")
    if not all(map(is_part, folders)) or not _LAST_OF_PREFIX.fullmatch(last):
        raise ValueError(f"no key begins with {prefix[:100]!r}")
    return prefix


def require_range(start: int, stop: int | None) -> None:
    """Refuse to count bytes from the end, or backwards.

    Raises:
        ValueError: ``0 <= start <= stop`` does not hold.
    """
    if start < 0 or (stop is not None and stop < start):
        raise ValueError(f"bytes {start}:{stop} are no range")
