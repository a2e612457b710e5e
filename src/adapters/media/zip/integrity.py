"""Whether an archive holds its entries and nothing else.

A reader of ZIPs follows the directory at the end. Between the entries, before and behind them, in comments
and in attributes there is room for what no reader shows: an unredacted frame would travel in a result that
looks whole. Archives of this program have no such room, so every byte is compared with the one that belongs
there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import IO
from zipfile import ZipInfo

from framecloak.adapters.media.zip.format import (
    LIMIT,
    LONGEST_NAME,
    Entry,
    directory_record,
    end_of_directory,
    local_header,
)
from framecloak.domain.ports import Misfit

_ARCHIVE = "the archive"


def misfits(file: IO[bytes], listed: Sequence[ZipInfo]) -> Iterator[Misfit]:
    """What in an archive this program would not have written; nothing where it has.

    The contents of entries are not looked at. Their CRC is, and whoever reads them compares it.

    Args:
        file: the archive; it is read here and there, and left anywhere.
        listed: the entries that its directory names, in its order.

    Raises:
        OSError: the file cannot be read.
    """
    total = file.seek(0, os.SEEK_END)
    end = 0
    entries: list[Entry] = []
    rewritten: list[str] = []
    for one in listed:
        name, start = one.filename, one.header_offset
        if not 0 <= start <= start + one.file_size <= total or len(name.encode()) > LONGEST_NAME:
            yield Misfit(name, "it cannot be where the directory says")
            return
        if start > end:
            yield Misfit(name, f"there are {start - end} bytes before it that belong to no entry")
        elif start < end:
            yield Misfit(name, "it starts inside of what comes before it")
        forms = _forms(one)
        file.seek(start)
        found = file.read(max(len(local_header(form)) for form in forms))
        entry = next((form for form in forms if found.startswith(local_header(form))), None)
        if entry is None:
            rewritten.append(name)
            entry = forms[0]
        entries.append(entry)
        end = entry.start + entry.size
    if rewritten:
        others = f", and neither are those of {len(rewritten) - 1} more" if len(rewritten) > 1 else ""
        yield Misfit(rewritten[0], f"its header is not the one that it was written with{others}")
    yield from _directory(file, entries, end, total)


def _forms(listed: ZipInfo) -> list[Entry]:
    """An entry as it may have been written: of any length that it has, or of a length known beforehand."""
    fields = listed.filename, listed.header_offset, listed.file_size, listed.CRC
    long = Entry(*fields, is_long=True)
    return [long] if listed.file_size > LIMIT else [Entry(*fields, is_long=False), long]


def _directory(file: IO[bytes], entries: Sequence[Entry], start: int, total: int) -> Iterator[Misfit]:
    """Compare what is behind the entries, which has to start where the last one ends."""
    file.seek(start)
    size, odd = 0, None
    for entry in entries:
        record = directory_record(entry)
        size += len(record)
        if odd is None and file.read(len(record)) != record:
            odd = entry.name
    end = end_of_directory(len(entries), start, size)
    if odd is None and file.read(len(end) + 1) != end:
        odd = _ARCHIVE
    surplus = total - start - size - len(end)
    if surplus > 0:
        yield Misfit(_ARCHIVE, f"it holds {surplus} bytes that belong to no entry")
    elif odd is not None:
        yield Misfit(odd, "the directory says of it what it was not written with")
