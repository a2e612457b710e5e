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


class Shrinker(Protocol):
    """Makes small pictures of large ones; blocking, to be called off the event loop."""

    def __call__(self, picture: bytes, width: int) -> bytes:
        """A picture as JPEG, at most ``width`` pixels wide.

        Args:
            picture: a JPEG, PNG or WebP file that this program wrote.
            width: pixels; a picture that is narrower keeps its size.

        Raises:
            ObjectNotFoundError: it is damaged.
        """
        ...
