"""Objects of the object store as local files whose content has been compared."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from framecloak.domain.errors import DomainError, ObjectNotFoundError
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.hashing import FileVersion, file_version, hash_file

_MAX_KNOWN = 256
"""Number of files whose verified versions are remembered."""


class VerifiedFiles:
    """Provider of stored objects as verified local files.

    A file is hashed when it is first read, and again only if it has changed since.

    Args:
        store: object store.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._verified: OrderedDict[tuple[str, str], FileVersion] = OrderedDict()

    @asynccontextmanager
    async def file(
        self, key: str, sha256: str, scratch: Path, damaged: Callable[[str], DomainError]
    ) -> AsyncIterator[Path]:
        """Provide an object as a file within the block, verified before it and at its end.

        Args:
            key: key of the object.
            sha256: recorded SHA-256 of the object, hex.
            scratch: folder for a temporary copy.
            damaged: called with the SHA-256 of a file that has another one; raises the alarm, and returns the
                error to raise.

        Raises:
            ObjectNotFoundError: the object does not exist; raised on entering.
            DomainError: the file differs, or was changed during the block; see ``damaged``.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the disk is too full to fetch the object.
        """
        async with self._store.cached_file(key, scratch) as path:
            try:
                await self._require_intact(key, path, sha256, damaged)
            except FileNotFoundError as error:
                raise ObjectNotFoundError(f"there is no object {key}") from error
            yield path
            try:
                # A folder store provides the stored file itself, which may have been replaced meanwhile.
                await self._require_intact(key, path, sha256, damaged)
            except FileNotFoundError:
                # Deleted meanwhile; what was read of it is what was verified.
                return

    async def _require_intact(
        self, key: str, path: Path, sha256: str, damaged: Callable[[str], DomainError]
    ) -> None:
        identity = key, str(path)
        if self._verified.get(identity) == await file_version(path):
            self._verified.move_to_end(identity)
            return
        found, version = await hash_file(path)
        if found != sha256:
            self._verified.pop(identity, None)
            error = damaged(found)
            # A copy that was damaged on this machine is not used again.
            await self._store.forget_copy(key)
            raise error
        self._verified[identity] = version
        while len(self._verified) > _MAX_KNOWN:
            self._verified.popitem(last=False)
