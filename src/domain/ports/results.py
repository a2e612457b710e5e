"""How results are looked into where they are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class StoredArchives(Protocol):
    """Single entries of archives in the object store, without fetching the rest."""

    async def read(self, key: str, name: str) -> bytes:
        """One entry.

        Args:
            key: of the archive in the object store.
            name: of the entry.

        Raises:
            ObjectNotFoundError: there is no such archive or entry, or it is damaged.
            StorageUnavailableError: the store cannot be reached.
        """
        ...


class FilmViewer(Protocol):
    """Shows frames of films in archives; blocking, to be called off the event loop."""

    def __call__(self, archive: Path, name: str, position: int) -> bytes:
        """One frame as JPEG.

        Args:
            archive: the file.
            name: of the film in it.
            position: of the frame in the film, from 0.

        Raises:
            ObjectNotFoundError: there is no such film or frame, or it is damaged.
        """
        ...
