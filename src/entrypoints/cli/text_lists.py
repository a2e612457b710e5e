"""Lists in text files, one entry a line."""

from __future__ import annotations

from pathlib import Path

from framecloak.domain.errors import EmptyFileError, InputNotFoundError, InvalidOptionError

MAX_LIST_BYTES = 16 << 20
"""Largest file of a list."""


def read_lines(path: Path) -> list[str]:
    """Return the lines of a list, stripped.

    Raises:
        InputNotFoundError: the file cannot be read.
        EmptyFileError: it has no entries.
        InvalidOptionError: it is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"{path} cannot be read: {reason}", "check the path") from error
    if len(data) > MAX_LIST_BYTES:
        raise InvalidOptionError(f"{path} is larger than {MAX_LIST_BYTES >> 20} MiB", "divide the list")
    try:
        lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise InvalidOptionError(
            f"{path} is not UTF-8", "save it as text in UTF-8, one entry a line"
        ) from None
    if not any(lines):
        raise EmptyFileError(f"{path} has no entries", "write one entry a line")
    return lines
