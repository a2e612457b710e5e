"""Reader of single entries of ZIP archives in an object store, by range requests."""

from __future__ import annotations

import io
import struct
import zlib
from collections import OrderedDict
from typing import NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from framecloak.adapters.storage.threads import in_thread
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.ports.object_store import ObjectStore

_TAIL_BYTES = 1 << 20
"""Bytes fetched from the end first, enough for the central directory of ten thousand frames."""

_LOCAL_HEADER = struct.Struct("<26xHH")
_MAX_EXTRA_BYTES = 64
"""Bytes reserved for the extra field of a local header; archives of this program use 20 at most."""

_MAX_DIRECTORIES = 8
"""Maximum number of cached directories."""


class _Version(NamedTuple):
    key: str
    version: str


class _Directory(NamedTuple):
    size: int
    entries: dict[str, ZipInfo]


class StoredZips:
    """Reader of single entries of stored ZIPs; see `domain.ports.archives.StoredArchives`.

    Args:
        store: object store of the archives.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._directories: OrderedDict[_Version, _Directory] = OrderedDict()

    async def read(self, key: str, name: str, version: str) -> bytes:
        """Return the content of an entry, verified by its CRC-32.

        Args:
            key: object key of the archive.
            name: name of the entry.
            version: version of the archive.

        Raises:
            ObjectNotFoundError: the archive or entry does not exist or is damaged, or the archive is not of
                this version.
            StorageUnavailableError: the store cannot be reached.
        """
        archive = _Version(key, version)
        directory = await self._directory(archive)
        entry = directory.entries.get(name)
        if entry is None or entry.compress_type != ZIP_STORED or entry.flag_bits & 1:
            raise _damaged(name)
        start = entry.header_offset
        longest = _LOCAL_HEADER.size + len(name.encode()) + _MAX_EXTRA_BYTES + entry.file_size
        data = await self._fetch(archive, start, min(start + longest, directory.size))
        if len(data) < _LOCAL_HEADER.size:
            raise _damaged(name)
        begin = _LOCAL_HEADER.size + sum(_LOCAL_HEADER.unpack_from(data))
        content = bytes(memoryview(data)[begin : begin + entry.file_size])
        if len(content) != entry.file_size or await in_thread(zlib.crc32, content) != entry.CRC:
            raise _damaged(name)
        return content

    async def _directory(self, archive: _Version) -> _Directory:
        directory = self._directories.pop(archive, None) or await self._read_directory(archive)
        self._directories[archive] = directory
        while len(self._directories) > _MAX_DIRECTORIES:
            self._directories.popitem(last=False)
        return directory

    async def _read_directory(self, archive: _Version) -> _Directory:
        size = (await self._store.stat(archive.key)).size
        start = max(0, size - _TAIL_BYTES)
        while True:
            tail = _Tail(await self._fetch(archive, start, size), start)
            try:
                return _Directory(size, await in_thread(_list_entries, tail))
            except _TailTooShortError as error:
                start = error.offset
            except (BadZipFile, OSError, struct.error) as error:
                raise _damaged(archive.key) from error

    async def _fetch(self, archive: _Version, start: int, stop: int) -> bytes:
        chunks = self._store.read(archive.key, start, stop, version=archive.version)
        return b"".join([chunk async for chunk in chunks])


class _TailTooShortError(Exception):
    """A read begins before the fetched end of the archive.

    Args:
        offset: offset of the read in bytes.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class _Tail(io.BytesIO):
    """End of a file, addressed by the offsets of the whole file."""

    def __init__(self, data: bytes, start: int) -> None:
        super().__init__(data)
        self._start = start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            return super().seek(offset, whence) + self._start
        if offset < self._start:
            raise _TailTooShortError(max(0, offset))
        return super().seek(offset - self._start) + self._start

    def tell(self) -> int:
        return super().tell() + self._start


def _list_entries(tail: _Tail) -> dict[str, ZipInfo]:
    with ZipFile(tail) as archive:
        return {entry.filename: entry for entry in archive.infolist()}


def _damaged(name: str) -> ObjectNotFoundError:
    return ObjectNotFoundError(f"{name} is gone or damaged")
