"""Detection of media files that are shorter than their own header states."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from framecloak.adapters.media.video.mp4_boxes import mp4_boxes

_EBML = b"\x1a\x45\xdf\xa3"
_MATROSKA_SEGMENT = 0x18538067
# Bytes after the last box are often padding; only a box of a known type counts as truncated.
_MP4_BOX_TYPES = {b"ftyp", b"moov", b"moof", b"mdat", b"free", b"sidx"}


def is_truncated(path: Path) -> bool:
    """Return True if an MP4, Matroska, WebM or AVI file is shorter than its header states.

    Transport streams and raw streams do not state their length; for them the result is False.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(12)
        if magic[4:8] == b"ftyp":
            return _mp4_is_truncated(file, size)
        if magic[:4] == _EBML:
            return _matroska_is_truncated(file, size)
        if magic[:4] == b"RIFF":
            return _riff_is_truncated(file, size)
    return False


def _mp4_is_truncated(file: BinaryIO, size: int) -> bool:
    top_level = list(mp4_boxes(file, 0, size))
    return any(box.kind in _MP4_BOX_TYPES and box.end > size for box in top_level)


def _matroska_is_truncated(file: BinaryIO, size: int) -> bool:
    offset = 0
    while offset < size:
        file.seek(offset)
        kind = _read_ebml_number(file, keep_marker=True)
        length = _read_ebml_number(file, keep_marker=False)
        if kind is None or length is None:
            return False
        offset = file.tell() + length
        if kind == _MATROSKA_SEGMENT:
            return offset > size
    return False


def _read_ebml_number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Read a variable-length number (RFC 8794, section 4).

    Returns:
        The number; None at the end of the file and for the reserved value "unknown length".
    """
    first = file.read(1)
    if not first or first == b"\0":
        return None
    width = 9 - first[0].bit_length()
    number = int.from_bytes(first + file.read(width - 1), "big")
    if keep_marker:
        return number
    value_bits = 7 * width
    value = number & ((1 << value_bits) - 1)
    return None if value == (1 << value_bits) - 1 else value


def _riff_is_truncated(file: BinaryIO, size: int) -> bool:
    offset = 0
    while offset + 8 <= size:
        file.seek(offset)
        kind, length = file.read(4), int.from_bytes(file.read(4), "little")
        # An AVI that was never finalised states a length of zero, so its real length is unknown.
        if kind != b"RIFF" or length == 0:
            return False
        offset += 8 + length + length % 2
    # The padding byte of an odd chunk may be missing.
    return offset > size + 1
