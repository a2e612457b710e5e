"""Checksums of the slices of FFV1 frames (RFC 9043, section 4.9), which libav logs but does not report."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_SIZE_BYTES = 3
_CHECKED_FOOTER_BYTES = 8
"""A slice that has a checksum ends with its size (3 bytes), a status (1) and the checksum (4)."""

_REVERSED_BYTES = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_CHECKSUMS = (0, 0x7A8C4079)
"""Checksum of a slice with its checksum, by the version of the format; also its start value."""


def has_damaged_slice(packet: bytes) -> bool:
    """Return True if a slice of a frame does not match its checksum.

    A frame without checksums is taken for intact: those of versions 0 to 2 have none.
    """
    slices = list(_checked_slices(packet))
    return bool(slices) and not any(
        all(_matches(part, checksum) for part in slices) for checksum in _CHECKSUMS
    )


def _checked_slices(packet: bytes) -> Iterator[bytes]:
    """Yield the slices of a frame from the last to the first; none if they have no checksums."""
    slices, end = [], len(packet)
    while end > 0:
        footer = end - _CHECKED_FOOTER_BYTES
        if footer < 0:
            return
        start = footer - int.from_bytes(packet[footer : footer + _SIZE_BYTES], "big")
        if start < 0:
            return
        slices.append(packet[start:end])
        end = start
    yield from slices


def _matches(part: bytes, checksum: int) -> bool:
    """Compute the CRC-32 whose first bit is the highest; zlib's is the same with all bits reversed."""
    register = int(f"{checksum:032b}"[::-1], 2) ^ 0xFFFFFFFF
    return zlib.crc32(part.translate(_REVERSED_BYTES), register) == register
