"""Byte layout of the ZIP archives that Framecloak writes.

An archive is determined by the names and contents of its entries alone: there are no times and no comments,
and nothing is deflated. So a verifier can predict every byte. The layouts follow PKWARE's APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAX_BYTES_WITHOUT_ZIP64 = (1 << 31) - 1
"""Maximum size or offset in bytes without ZIP64; below 4 GiB, since some programs read 32 bits as signed."""

MAX_ENTRIES_WITHOUT_ZIP64 = (1 << 16) - 1
"""Maximum number of entries without ZIP64."""

MAX_NAME_BYTES = (1 << 16) - 1
"""Maximum length of an entry name in bytes."""

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DIRECTORY_RECORD = struct.Struct("<4s4B4H3L5H2L")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_END_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

_VERSION, _ZIP64_VERSION = 20, 45
_UNIX = 3
_READABLE_BY_ALL = 0o644 << 16
_UTF_8 = 0x800
_STORED = 0
# The earliest time that ZIP can store. A real one would make every archive different and reveal the time
# of the run.
_TIME, _DATE = 0, 1 << 5 | 1
_IN_ZIP64_FIELD = 0xFFFFFFFF
_ZIP64_FIELD_ID = 1


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """Entry of an archive.

    Attributes:
        name: path inside the archive, with ``/`` between folders.
        offset: start of its local header, in bytes from the start of the archive.
        size: size of its content in bytes.
        crc: CRC-32 of its content.
        is_zip64: True if its local header has a 64-bit size field (ZIP64). This is so if the size needs it,
            or was not known when the header was written.
    """

    name: str
    offset: int
    size: int
    crc: int
    is_zip64: bool

    @property
    def content_start(self) -> int:
        """Start of its content, in bytes from the start of the archive."""
        return self.offset + len(local_header(self))


def local_header(entry: ZipEntry) -> bytes:
    """Return the local header, which precedes an entry's content."""
    name, flags = _encode_name(entry.name)
    extra, size, version = b"", entry.size, _VERSION
    if entry.is_zip64:
        extra, size, version = _zip64_field(entry.size, entry.size), _IN_ZIP64_FIELD, _ZIP64_VERSION
    lengths = len(name), len(extra)
    fields = (b"PK\3\4", version, flags, _STORED, _TIME, _DATE, entry.crc, size, size, *lengths)
    return _LOCAL_HEADER.pack(*fields) + name + extra


def directory_record(entry: ZipEntry) -> bytes:
    """Return the record of an entry in the central directory, which follows the entries."""
    name, flags = _encode_name(entry.name)
    size, offset, long = entry.size, entry.offset, list[int]()
    if size > MAX_BYTES_WITHOUT_ZIP64:
        long += [size, size]
        size = _IN_ZIP64_FIELD
    if offset > MAX_BYTES_WITHOUT_ZIP64:
        long.append(offset)
        offset = _IN_ZIP64_FIELD
    extra = _zip64_field(*long) if long else b""
    version = _ZIP64_VERSION if long or entry.is_zip64 else _VERSION
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
    if count > MAX_ENTRIES_WITHOUT_ZIP64 or start > MAX_BYTES_WITHOUT_ZIP64 or size > MAX_BYTES_WITHOUT_ZIP64:
        versions = _ZIP64_VERSION, _ZIP64_VERSION
        long = _ZIP64_END.pack(b"PK\6\6", _ZIP64_END.size - 12, *versions, 0, 0, count, count, size, start)
        long += _ZIP64_END_LOCATOR.pack(b"PK\6\7", 0, start + size, 1)
        count, size, start = min(count, 0xFFFF), min(size, _IN_ZIP64_FIELD), min(start, _IN_ZIP64_FIELD)
    return long + _END.pack(b"PK\5\6", 0, 0, count, count, size, start, 0)


def _zip64_field(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_FIELD_ID, 8 * len(values), *values)


def _encode_name(name: str) -> tuple[bytes, int]:
    """Return the encoded name, and the general purpose flags that state its encoding."""
    return (name.encode(), 0) if name.isascii() else (name.encode(), _UTF_8)
