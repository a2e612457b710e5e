"""Results in the object store, checked against the size and the SHA-256 that were recorded for them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from framecloak.domain.anonymization.model.request import AnonymizationRequest, StoredResult
from framecloak.domain.errors import NotReadyError, ObjectNotFoundError, ResultDamagedError
from framecloak.domain.ports.archives import StoredArchives
from framecloak.domain.ports.object_store import ObjectStore, StoredObject
from framecloak.domain.storage.alarm import (
    NULL_DAMAGE_METER,
    VERIFY_HINT,
    DamageMeter,
    StoredKind,
    raise_alarm,
)
from framecloak.domain.storage.hashing import hash_stream, update
from framecloak.domain.storage.local_files import VerifiedFiles

MAX_CONCURRENT_CHECKS = 2
"""Maximum number of results that are hashed at the same time."""

_MAX_KNOWN = 1024
"""Number of results whose verified versions are remembered."""


class ResultIntegrity:
    """Reader of stored results. A version of a result is hashed once, whichever reader comes first.

    Results of versions of this program that recorded no SHA-256 are checked by their size alone. What is
    read is always of the version that was checked, even if the object is replaced in between.

    Args:
        store: object store of results.
        archives: reads single files of results.
        meter: metrics of damaged files.
    """

    def __init__(
        self, store: ObjectStore, archives: StoredArchives, meter: DamageMeter = NULL_DAMAGE_METER
    ) -> None:
        self._store = store
        self._archives = archives
        self._meter = meter
        self._files = VerifiedFiles(store)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CHECKS)
        self._verified: OrderedDict[str, str] = OrderedDict()

    async def require_intact(self, request: AnonymizationRequest) -> StoredObject:
        """Return the metadata of the result of a request, after comparing its content.

        Args:
            request: request with a result.

        Raises:
            NotReadyError: the request has no result, or the result's file is gone.
            ResultDamagedError: the file is not the result that was made.
            StorageUnavailableError: the store cannot be reached.
        """
        result = request.require_stored_result()
        stored = await self.require_size(request)
        if self.is_verified(result, stored):
            return stored
        async with self._slots:
            if not self.is_verified(result, stored):
                try:
                    content = self._store.read(result.key, version=stored.version)
                    sha256, _ = await hash_stream(content)
                except ObjectNotFoundError as error:
                    raise _missing() from error
                self._require_same(result, stored, sha256)
        return stored

    async def read(self, request: AnonymizationRequest, name: str) -> bytes:
        """Return a file of a result, after comparing the content of the whole result.

        Args:
            request: request with a result.
            name: name of the file in the archive.

        Raises:
            NotReadyError: the request has no result, or the result's file is gone or has no such entry, or it
                was replaced between the comparison and the reading.
            ResultDamagedError: the file is not the result that was made.
            StorageUnavailableError: the store cannot be reached.
        """
        stored = await self.require_intact(request)
        try:
            return await self._archives.read(stored.key, name, stored.version)
        except ObjectNotFoundError as error:
            raise _missing() from error

    @asynccontextmanager
    async def file(self, request: AnonymizationRequest, scratch: Path) -> AsyncIterator[Path]:
        """Provide a result as a local file within the block, verified before it and at its end.

        Args:
            request: request with a result.
            scratch: folder for a temporary copy.

        Raises:
            NotReadyError: the request has no result, or the result's file is gone.
            ResultDamagedError: the file is not the result that was made, or was changed during the block.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the disk is too full to fetch the file.
        """
        result = request.require_stored_result()
        await self.require_size(request)

        def damaged(sha256: str) -> ResultDamagedError:
            return self._alarm(result, f"it has the SHA-256 {sha256} instead of {result.sha256}")

        files = (
            self._store.cached_file(result.key, scratch)
            if result.sha256 is None
            else self._files.file(result.key, result.sha256, scratch, damaged)
        )
        try:
            async with files as path:
                yield path
        except ObjectNotFoundError as error:
            raise _missing() from error

    async def require_size(self, request: AnonymizationRequest) -> StoredObject:
        """Return the metadata of the result of a request, after comparing its size.

        Raises:
            NotReadyError: the request has no result, or the result's file is gone.
            ResultDamagedError: the file has another size than the result that was made.
            StorageUnavailableError: the store cannot be reached.
        """
        result = request.require_stored_result()
        try:
            stored = await self._store.stat(result.key)
        except ObjectNotFoundError as error:
            raise _missing() from error
        if stored.size != result.size_bytes:
            raise self._alarm(result, f"it has {stored.size} bytes instead of {result.size_bytes}")
        return stored

    def is_verified(self, result: StoredResult, stored: StoredObject) -> bool:
        """Return whether this version of a result has been found intact, or has no recorded SHA-256."""
        return result.sha256 is None or self._verified.get(result.key) == stored.version

    def delivered(
        self, result: StoredResult, stored: StoredObject, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Return the whole content of a result, compared by `checked` unless that has been done before.

        Args:
            result: recorded size and digest.
            stored: metadata of the version that is read.
            chunks: content of that version, read as such from the store.
        """
        return chunks if self.is_verified(result, stored) else self.checked(result, stored, chunks)

    async def checked(
        self, result: StoredResult, stored: StoredObject, chunks: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Yield the whole content of a result; the end is withheld until the content has been compared.

        Args:
            result: recorded size and digest.
            stored: metadata of the version that is read.
            chunks: content of that version.

        Raises:
            ResultDamagedError: the content differs; a reader has not received all bytes then.
        """
        digest, last = hashlib.sha256(), b""
        async for chunk in chunks:
            if last:
                yield last
            last = chunk
            await update(digest, chunk)
        self._require_same(result, stored, digest.hexdigest())
        yield last

    def _require_same(self, result: StoredResult, stored: StoredObject, sha256: str) -> None:
        if result.sha256 not in {None, sha256}:
            self._verified.pop(result.key, None)
            raise self._alarm(result, f"it has the SHA-256 {sha256} instead of {result.sha256}")
        self._verified[result.key] = stored.version
        while len(self._verified) > _MAX_KNOWN:
            self._verified.popitem(last=False)

    def _alarm(self, result: StoredResult, difference: str) -> ResultDamagedError:
        reason = f"{result.key}: {difference}"
        raise_alarm(self._meter, StoredKind.RESULT, result.key, reason)
        return ResultDamagedError(reason, VERIFY_HINT)


def _missing() -> NotReadyError:
    return NotReadyError("the result's file is gone or damaged", "submit the request again")
