"""Check that an archive holds its entries and nothing else.

ZIP readers follow the directory at the end of the file. Gaps between, before and after the entries, comments
and attributes can hold data that no reader shows, such as an unredacted frame in a result that looks intact.
Archives that Framecloak writes have no such gaps, so every byte outside of the contents can be compared with
its expected value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import IO
from zipfile import ZipInfo

from framecloak.adapters.media.zip.format import (
    MAX_BYTES_WITHOUT_ZIP64,
    MAX_NAME_BYTES,
    ZipEntry,
    directory_record,
    end_of_directory,
    local_header,
)
from framecloak.domain.ports.archives import ForeignContent

_ARCHIVE = "the archive"


def find_foreign_content(file: IO[bytes], listed: Sequence[ZipInfo]) -> Iterator[ForeignContent]:
    """Yield everything in an archive that Framecloak would not have written.

    The contents of entries are not read here. Their stored CRC is checked, and readers compare it with the
    content.

    Args:
        file: archive opened for reading; its position is changed.
        listed: entries of its directory, in directory order.

    Yields:
        One item per deviation.

    Raises:
        OSError: the file cannot be read.
    """
    total = file.seek(0, os.SEEK_END)
    end = 0
    entries: list[ZipEntry] = []
    rewritten: list[str] = []
    for info in listed:
        name, start = info.filename, info.header_offset
        if not 0 <= start <= start + info.file_size <= total or len(name.encode()) > MAX_NAME_BYTES:
            yield ForeignContent(name, "the directory gives an impossible position, size or name for it")
            return
        if start > end:
            yield ForeignContent(name, f"there are {start - end} bytes before it that belong to no entry")
        elif start < end:
            yield ForeignContent(name, "it overlaps the entry before it")
        forms = _possible_entries(info)
        file.seek(start)
        header = file.read(max(len(local_header(form)) for form in forms))
        entry = next((form for form in forms if header.startswith(local_header(form))), None)
        if entry is None:
            rewritten.append(name)
            entry = forms[0]
        entries.append(entry)
        end = entry.content_start + entry.size
    if rewritten:
        more = f", nor are those of {len(rewritten) - 1} more" if len(rewritten) > 1 else ""
        yield ForeignContent(rewritten[0], f"its header is not as Framecloak writes it{more}")
    yield from _check_directory(file, entries, end, total)


def _possible_entries(listed: ZipInfo) -> list[ZipEntry]:
    """Return the forms in which Framecloak may have written an entry.

    An entry whose size was not known in advance has a ZIP64 header, whatever its size is.
    """
    fields = listed.filename, listed.header_offset, listed.file_size, listed.CRC
    long = ZipEntry(*fields, is_zip64=True)
    return [long] if listed.file_size > MAX_BYTES_WITHOUT_ZIP64 else [ZipEntry(*fields, is_zip64=False), long]


def _check_directory(
    file: IO[bytes], entries: Sequence[ZipEntry], start: int, total: int
) -> Iterator[ForeignContent]:
    """Compare the directory, which must start where the last entry ends."""
    file.seek(start)
    size, mismatch = 0, None
    for entry in entries:
        record = directory_record(entry)
        size += len(record)
        if mismatch is None and file.read(len(record)) != record:
            mismatch = entry.name
    end = end_of_directory(len(entries), start, size)
    if mismatch is None and file.read(len(end) + 1) != end:
        mismatch = _ARCHIVE
    surplus = total - start - size - len(end)
    if surplus > 0:
        yield ForeignContent(_ARCHIVE, f"it holds {surplus} bytes that belong to no entry")
    elif mismatch is not None:
        yield ForeignContent(mismatch, "its part of the ZIP directory is not as Framecloak writes it")
