"""Parts of the ISO base media file format (ISO/IEC 14496-12) that libav does not expose."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAX_DISPLAYED_PX = 2**16 - 1
_CTTS_ENTRY = np.dtype([("count", ">u4"), ("offset", ">i4")])


class Mp4Box(NamedTuple):
    """Box of an MP4 file.

    Attributes:
        kind: four-character type.
        start: offset of the first byte of the content in the file.
        end: offset after the last byte of the content.
    """

    kind: bytes
    start: int
    end: int


def mp4_boxes(file: BinaryIO, start: int, end: int) -> Iterator[Mp4Box]:
    """Yield the consecutive boxes in ``[start, end)`` up to the first bytes that are not a box.

    A box may extend beyond ``end``; this is the sign of a truncated file.
    """
    while start + 8 <= end:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        header = 8
        if size == 1:
            size, header = int.from_bytes(file.read(8), "big"), 16
        elif size == 0:
            size = end - start
        if size < header:
            return
        yield Mp4Box(kind, start + header, start + size)
        start += size


def composition_offsets(path: Path, track_id: int, samples: int) -> NDArray[np.int64] | None:
    """Return the delay between decoding and presentation of each sample (box ``ctts``, 8.6.1.3).

    Args:
        path: path of the file.
        track_id: track number, which libav exposes as the id of a stream.
        samples: number of samples in the track.

    Returns:
        (samples,) int64 in the track's time scale; zeros for a track that is shown in decoding order;
        None if the file is fragmented, or its table does not fit the track.
    """
    with path.open("rb") as file:
        top = {box.kind: box for box in mp4_boxes(file, 0, path.stat().st_size)}
        if b"moov" not in top or b"moof" in top:
            return None
        for track in _children(file, top[b"moov"], b"trak"):
            if _track_id(file, track) != track_id:
                continue
            tables = _first_descendant(file, track, b"mdia", b"minf", b"stbl")
            return None if tables is None else _read_ctts(file, tables, samples)
    return None


def set_display_size(path: Path, size: tuple[int, int]) -> None:
    """Write the size in which the first track of a file is displayed into its header (box ``tkhd``, 8.3.2).

    Args:
        path: path of a complete file.
        size: width and height in square pixels; larger ones than the header can hold are cut to it.
    """
    with path.open("r+b") as file:
        movie = next(box for box in mp4_boxes(file, 0, path.stat().st_size) if box.kind == b"moov")
        header = _first_descendant(file, movie, b"trak", b"tkhd")
        if header is None:
            raise ValueError("a track has no header")
        # The two fields end the box, and are 16.16 fixed-point numbers.
        file.seek(header.end - 8)
        file.write(b"".join((min(side, _MAX_DISPLAYED_PX) << 16).to_bytes(4, "big") for side in size))


def _read_ctts(file: BinaryIO, tables: Mp4Box, samples: int) -> NDArray[np.int64] | None:
    table = _first_descendant(file, tables, b"ctts")
    if table is None:
        return np.zeros(samples, np.int64)
    file.seek(table.start + 4)
    runs = int.from_bytes(file.read(4), "big")
    if runs * _CTTS_ENTRY.itemsize > table.end - table.start - 8:
        return None
    content = file.read(runs * _CTTS_ENTRY.itemsize)
    if len(content) < runs * _CTTS_ENTRY.itemsize:
        return None
    entries = np.frombuffer(content, _CTTS_ENTRY)
    if int(entries["count"].sum(dtype=np.int64)) != samples:
        return None
    return np.repeat(entries["offset"].astype(np.int64), entries["count"])


def _children(file: BinaryIO, parent: Mp4Box, kind: bytes) -> list[Mp4Box]:
    return [box for box in mp4_boxes(file, parent.start, parent.end) if box.kind == kind]


def _first_descendant(file: BinaryIO, box: Mp4Box, *kinds: bytes) -> Mp4Box | None:
    for kind in kinds:
        children = _children(file, box, kind)
        if not children:
            return None
        box = children[0]
    return box


def _track_id(file: BinaryIO, track: Mp4Box) -> int | None:
    header = _first_descendant(file, track, b"tkhd")
    if header is None:
        return None
    file.seek(header.start)
    version = file.read(1)
    file.seek(header.start + (20 if version == b"\x01" else 12))
    return int.from_bytes(file.read(4), "big")
