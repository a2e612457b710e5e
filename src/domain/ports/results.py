"""Access to stored results."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class StoredArchives(Protocol):
    """Reader of single entries of archives in the object store, without fetching the whole archive."""

    async def read(self, key: str, name: str) -> bytes:
        """Return the content of an entry.

        Args:
            key: Key of the archive in the object store.
            name: Name of the entry.

        Raises:
            ObjectNotFoundError: The archive or the entry does not exist or is damaged.
            StorageUnavailableError: The store cannot be reached.
        """
        ...


class FilmViewer(Protocol):
    """Extractor of frames from videos in archives. Blocking; call it outside the event loop."""

    def __call__(self, archive: Path, name: str, position: int) -> bytes:
        """Return a frame as JPEG.

        Args:
            archive: Path of the archive.
            name: Name of the video in the archive.
            position: Index of the frame in the video, from 0.

        Raises:
            ObjectNotFoundError: The video or the frame does not exist or is damaged.
        """
        ...


class Shrinker(Protocol):
    """Generator of image previews. Blocking; call it outside the event loop."""

    def __call__(self, picture: bytes, width: int) -> bytes:
        """Return an image as JPEG, at most ``width`` pixels wide.

        Args:
            picture: JPEG, PNG or WebP file that this program has written.
            width: Maximum width in pixels; a narrower image keeps its size.

        Raises:
            ObjectNotFoundError: The image is damaged.
        """
        ...
