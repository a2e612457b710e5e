"""Limit of the frames and samples that the tables of an MP4 may list.

libav expands the tables into one entry per sample when it opens a file. A table of a few bytes may list
billions of samples, and an edit list repeats them as often as it has entries (ISO/IEC 14496-12, 8.6.1, 8.6.6,
8.7.3 and 8.8.8). libav reads a table in whatever box it is, so one outside of its usual place is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from framecloak.adapters.media.sample_limit import max_samples, require_fewer_samples
from framecloak.adapters.media.video.mp4_boxes import Mp4Box, mp4_boxes
from framecloak.domain.errors import UnreadableVideoError

_CONTAINERS = frozenset(
    b"moov trak mdia minf stbl edts dinf mvex moof traf tref udta meta ilst sinf gmhd hoov".split()
)
_SAMPLE_TABLES = frozenset({b"stsz", b"stz2"})
_MISPLACED = _SAMPLE_TABLES | {b"elst", b"cmov"}
_TRACK_TABLES = _SAMPLE_TABLES | {b"elst", b"stts", b"hdlr", b"stsd", b"cmov"}
_MAX_DEPTH = 10
_MAX_DESCRIPTION_BYTES = 1 << 20
_PCM_SAMPLES_PER_ENTRY = 160
"""Fewest samples of uncompressed sound that libav puts into one entry."""
_SAMPLE_FIELDS = 0xF00
"""Flags of a fragment's table in which each sample has bytes of its own."""


class _MisplacedTableError(ValueError):
    """A table that libav reads, in a place where no muxer writes one."""


def require_bounded_index(path: Path) -> None:
    """Raise an error for an MP4 that lists too many samples; files of other formats pass.

    Raises:
        UnreadableVideoError: it lists more than a file of its size may, or a list is compressed or misplaced.
    """
    try:
        with path.open("rb") as file:
            total = _samples(file, Mp4Box(b"", 0, path.stat().st_size), 0)
        most = max_samples(path)
    except OSError:
        return  # reported when it is opened
    except _MisplacedTableError as error:
        message = f"{path.name} has a list of frames that is compressed or out of place"
        raise UnreadableVideoError(message, "copy or convert the file again") from error
    require_fewer_samples(path, total, most)


def _samples(file: BinaryIO, parent: Mp4Box, depth: int) -> int:
    """Return the number of entries that libav makes of the tables in a box."""
    total = 0
    for box in mp4_boxes(file, parent.start, parent.end):
        if box.kind == b"trak":
            total += _track_samples(file, list(_track_tables(file, box, depth + 1)))
        elif box.kind == b"trun":
            total += _fragment_samples(file, box)
        elif box.kind in _MISPLACED or _is_disguised(file, box):
            raise _MisplacedTableError
        elif box.kind in _CONTAINERS and depth < _MAX_DEPTH:
            total += _samples(file, _content(box), depth + 1)
    return total


def _track_tables(file: BinaryIO, parent: Mp4Box, depth: int) -> Iterator[Mp4Box]:
    for box in mp4_boxes(file, parent.start, parent.end):
        if box.kind in _TRACK_TABLES:
            yield box
        elif box.kind in _CONTAINERS and depth < _MAX_DEPTH:
            yield from _track_tables(file, _content(box), depth + 1)


def _track_samples(file: BinaryIO, tables: list[Mp4Box]) -> int:
    kinds = [box.kind for box in tables]
    if b"cmov" in kinds or any(_has_tables(file, box) for box in tables if box.kind == b"stsd"):
        raise _MisplacedTableError
    samples = sum(_number(file, box, 8) for box in tables if box.kind in _SAMPLE_TABLES)
    repetitions = max(1, sum(_number(file, box, 4) for box in tables if box.kind == b"elst"))
    handlers = {_bytes(file, box, 8) for box in tables if box.kind == b"hdlr"}
    steps = [(_number(file, box, 4), _number(file, box, 12)) for box in tables if box.kind == b"stts"]
    if b"soun" in handlers and b"vide" not in handlers and steps == [(1, 1)]:
        samples //= _PCM_SAMPLES_PER_ENTRY
    return samples * repetitions


def _fragment_samples(file: BinaryIO, box: Mp4Box) -> int:
    stated = _number(file, box, 4)
    fields = (_number(file, box, 0) & _SAMPLE_FIELDS).bit_count()
    return min(stated, (box.end - box.start) // (4 * fields)) if fields else stated


def _is_disguised(file: BinaryIO, box: Mp4Box) -> bool:
    """Return whether libav takes a box of free space for the header of the movie."""
    return box.kind in {b"free", b"hoov"} and _bytes(file, box, 4) in {b"mvhd", b"cmov"}


def _has_tables(file: BinaryIO, box: Mp4Box) -> bool:
    """Return whether tables may be in the descriptions of codecs."""
    if box.end - box.start > _MAX_DESCRIPTION_BYTES:
        return True
    file.seek(box.start)
    content = file.read(box.end - box.start)
    return any(kind in content for kind in (*_MISPLACED, b"trun"))


def _content(box: Mp4Box) -> Mp4Box:
    # Four bytes of version and flags precede the boxes in `meta`, and only there.
    return box._replace(start=box.start + 4) if box.kind == b"meta" else box


def _number(file: BinaryIO, box: Mp4Box, offset: int) -> int:
    return int.from_bytes(_bytes(file, box, offset), "big")


def _bytes(file: BinaryIO, box: Mp4Box, offset: int) -> bytes:
    """Return four bytes of the content of a box; fewer where it ends."""
    file.seek(box.start + offset)
    return file.read(4)
