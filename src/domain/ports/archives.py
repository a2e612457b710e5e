"""Ports: result archives, written, read and stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class Archive(Protocol):
    """Result archive that is being written. It appears under its name only on ``commit``."""

    def add(self, name: str, data: bytes) -> None:
        """Append an entry.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        ...

    def add_stream(self, name: str, chunks: Iterable[bytes]) -> None:
        """Append an entry of any length; exceptions of the iterator are passed on.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        ...

    def commit(self) -> None:
        """Finish the archive and rename it to its final name, atomically.

        Raises:
            StorageFullError: the disk is full.
            OutputUnwritableError: writing failed for any other reason.
        """
        ...

    def discard(self) -> None:
        """Remove all files of an uncommitted archive; has no effect after ``commit``."""
        ...


@dataclass(frozen=True, slots=True)
class ForeignContent:
    """Content of an archive that was not written by this program.

    Attributes:
        subject: name of the entry concerned, or of the archive.
        detail: description for people.
    """

    subject: str
    detail: str


class ArchiveReader(Protocol):
    """Reader of an existing archive."""

    @property
    def names(self) -> Sequence[str]:
        """Names of all entries in order; a name can occur twice if the archive was tampered with."""
        ...

    def stream(self, name: str) -> Iterator[bytes]:
        """Yield the content of an entry in chunks.

        Raises:
            ObjectNotFoundError: the entry does not exist, or the archive is damaged.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return the content of an entry.

        Raises:
            ObjectNotFoundError: the entry does not exist, or the archive is damaged.
        """
        ...

    def foreign_content(self) -> Sequence[ForeignContent]:
        """Return all content that `Archive` does not write.

        This covers bytes outside entries, comments, times and attributes: anything that could carry more than
        the entries themselves.

        Raises:
            ObjectNotFoundError: the archive can no longer be read.
        """
        ...


class StoredArchives(Protocol):
    """Reader of single entries of archives in the object store, without fetching the whole archive."""

    async def read(self, key: str, name: str, version: str) -> bytes:
        """Return the content of an entry.

        Args:
            key: key of the archive in the object store.
            name: name of the entry.
            version: version of the archive, as in `domain.ports.object_store.StoredObject`.

        Raises:
            ObjectNotFoundError: the archive or the entry does not exist or is damaged, or the archive was
                replaced or altered since it had this version.
            StorageUnavailableError: the store cannot be reached.
        """
        ...
