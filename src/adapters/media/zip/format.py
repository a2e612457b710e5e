"""What archives of this program are made of, byte for byte.

They follow from the names and contents of their entries alone: no times, no comments, nothing deflated. So
whoever checks one can tell every byte that belongs in it. Layouts are those of PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

LIMIT = (1 << 31) - 1
"""Bytes; larger sizes and offsets are written as ZIP64 says, since some programs take 32 bits as signed."""

MOST_ENTRIES = (1 << 16) - 1
"""More than these are counted as ZIP64 says."""

LONGEST_NAME = (1 << 16) - 1
"""Bytes of a name."""

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
# The earliest time that ZIP can say; a real one would make every archive different and tell when it ran.
_TIME, _DATE = 0, 1 << 5 | 1
_ELSEWHERE = 0xFFFFFFFF
_LONG_FIELD = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive.

    Attributes:
        name: path inside the archive, with ``/`` between folders.
        offset: where its header starts, in bytes from the start of the archive.
        size: bytes of its content.
        crc: CRC-32 of its content.
        is_long: its header has room for a size of 64 bits; it needs that where its size is over the limit,
            and has it where the size was not known beforehand.
    """

    name: str
    offset: int
    size: int
    crc: int
    is_long: bool

    @property
    def start(self) -> int:
        """Where its content starts."""
        return self.offset + len(local_header(self))


def local_header(entry: Entry) -> bytes:
    """What is in front of an entry's content."""
    name, flags = _encoded(entry.name)
    extra, size, version = b"", entry.size, _VERSION
    if entry.is_long:
        extra, size, version = _long_field(entry.size, entry.size), _ELSEWHERE, _LONG_VERSION
    lengths = len(name), len(extra)
    fields = (b"PK\3\4", version, flags, _STORED, _TIME, _DATE, entry.crc, size, size, *lengths)
    return _LOCAL_HEADER.pack(*fields) + name + extra


def directory_record(entry: Entry) -> bytes:
    """What the directory behind the entries says of one of them."""
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
    how = flags, _STORED, _TIME, _DATE, entry.crc
    record = _DIRECTORY_RECORD.pack(
        b"PK\1\2", *made_by, *how, size, size, *lengths, 0, 0, _READABLE_BY_ALL, offset
    )
    return record + name + extra


def end_of_directory(count: int, start: int, size: int) -> bytes:
    """What is behind the directory.

    Args:
        count: entries of the archive.
        start: where the directory starts, in bytes from the start of the archive.
        size: bytes of the directory.
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
    """A name as it is written, and the flag that says how."""
    return (name.encode(), 0) if name.isascii() else (name.encode(), _UTF_8)
