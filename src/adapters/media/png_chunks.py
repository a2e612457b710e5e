"""Removal of the compressed text and colour profiles of PNG images, which a decoder would inflate.

A few kilobytes of them inflate to gigabytes, whatever the size of the image, and no caller reads them (PNG,
Third Edition, 11.3: ``zTXt``, ``iTXt``, ``iCCP``; ``tEXt`` has no use either).
"""

from __future__ import annotations

import struct

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\x8aMNG\r\n\x1a\n")
"""First bytes of what libav's decoder of PNG accepts."""

_REMOVED = frozenset({b"zTXt", b"iTXt", b"tEXt", b"iCCP"})
_HEADER, _CHECKSUM_BYTES = struct.Struct(">I4s"), 4


def without_metadata(data: bytes) -> bytes:
    """Return a PNG image without text and colour profile; anything else as it is.

    Args:
        data: bytes of an image, or of a packet of a video. Bytes after the last complete chunk are kept.
    """
    if not data.startswith(_SIGNATURES) or not any(kind in data for kind in _REMOVED):
        return data
    position = len(_SIGNATURES[0])
    kept = [data[:position]]
    while position + _HEADER.size <= len(data):
        length, kind = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + length + _CHECKSUM_BYTES
        if kind not in _REMOVED:
            kept.append(data[position:end])
        position = end
    kept.append(data[position:])
    return b"".join(kept)
