"""Byte layout of the ZIP archives that Framecloak writes.

An archive is determined by the names and contents of its entries alone: there are no times and no comments,
and nothing is deflated. So a verifier can predict every byte. The layouts follow PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LIMIT = (1 << 31) - 1
"""Maximum size or offset in bytes without ZIP64; below 4 GiB, since some programs read 32 bits as signed."""

MOST_ENTRIES = (1 << 16) - 1
"""Maximum number of entries without ZIP64."""

LONGEST_NAME = (1 << 16) - 1
"""Maximum length of an entry name in bytes."""

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DIRECTORY_RECORD = struct.Struct("<4s4B4H3L5H2L")
_LONG_END = struct.Struct("<4sQ2H2L4Q")
_LONG_END_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

_VERSION, _LONG_VERSION = 20, 45
_UNIX = 3
_READABLE_BY_ALL = 0o644 << 16
_UTF_8 = 0x800
_STORED = 0
# The earliest time that ZIP can store. A real one would make every archive different and reveal the time
# of the run.
_TIME, _DATE = 0, 1 << 5 | 1
_ELSEWHERE = 0xFFFFFFFF
_LONG_FIELD = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry of an archive.

    Attributes:
        name: path inside the archive, with ``/`` between folders.
        offset: start of its local header, in bytes from the start of the archive.
        size: size of its content in bytes.
        crc: CRC-32 of its content.
        is_long: True if its local header has a 64-bit size field (ZIP64). This is so if the size needs it,
            or was not known when the header was written.
    """

    name: str
    offset: int
    size: int
    crc: int
    is_long: bool

    @property
    def start(self) -> int:
        """Start of its content, in bytes from the start of the archive."""
        return self.offset + len(local_header(self))


def local_header(entry: Entry) -> bytes:
    """Return the local header, which precedes an entry's content."""
    name, flags = _encoded(entry.name)
    extra, size, version = b"", entry.size, _VERSION
    if entry.is_long:
        extra, size, version = _long_field(entry.size, entry.size), _ELSEWHERE, _LONG_VERSION
    lengths = len(name), len(extra)
    fields = (b"PK\3\4", version, flags, _STORED, _TIME, _DATE, entry.crc, size, size, *lengths)
    return _LOCAL_HEADER.pack(*fields) + name + extra


def directory_record(entry: Entry) -> bytes:
    """Return the record of an entry in the central directory, which follows the entries."""
    name, flags = _encoded(entry.name)
    size, offset, long = entry.size, entry.offset, list[int]()
    if size > LIMIT:
        long += [size, size]
        size = _ELSEWHERE
    if offset > LIMIT:
        long.append(offset)
        offset = _ELSEWHERE
    extra = _long_field(*long) if long else b""
    version = _LONG_VERSION if long or entry.is_long else _VERSION
    made_by = version, _UNIX, version, 0
    lengths = len(name), len(extra), 0
    stored_as = flags, _STORED, _TIME, _DATE, entry.crc
    record = _DIRECTORY_RECORD.pack(
        b"PK\1\2", *made_by, *stored_as, size, size, *lengths, 0, 0, _READABLE_BY_ALL, offset
    )
    return record + name + extra


def end_of_directory(count: int, start: int, size: int) -> bytes:
    """Return the records that follow the central directory and end the archive.

    Args:
        count: number of entries in the archive.
        start: start of the directory, in bytes from the start of the archive.
        size: size of the directory in bytes.
    """
    long = b""
    if count > MOST_ENTRIES or start > LIMIT or size > LIMIT:
        versions = _LONG_VERSION, _LONG_VERSION
        long = _LONG_END.pack(b"PK\6\6", _LONG_END.size - 12, *versions, 0, 0, count, count, size, start)
        long += _LONG_END_LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
        count, size, start = min(count, 0xFFFF), min(size, _ELSEWHERE), min(start, _ELSEWHERE)
    return long + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _long_field(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", _LONG_FIELD, 8 * len(values), *values)


def _encoded(name: str) -> tuple[bytes, int]:
    """Return the encoded name, and the general purpose flags that state its encoding."""
    return (name.encode(), 0) if name.isascii() else (name.encode(), _UTF_8)
