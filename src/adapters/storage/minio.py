"""Objects in MinIO, or in anything else that speaks S3."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from minio import S3Error
from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from urllib3.response import BaseHTTPResponse

from framecloak.adapters.storage.async_files import (
    PARTIAL_PREFIX,
    READ_SIZE,
    create_file,
    disk_errors,
    read_stream,
    write_stream,
)
from framecloak.adapters.storage.blocking_reader import Feed
from framecloak.adapters.storage.filenames import content_disposition
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.adapters.storage.minio_client import minio_client
from framecloak.adapters.storage.minio_errors import s3_errors
from framecloak.adapters.storage.object_keys import require_key, require_prefix, require_range
from framecloak.adapters.storage.threads import in_executor, in_thread
from framecloak.domain.errors import DomainError, StorageUnavailableError
from framecloak.domain.ports.services import StoredObject

PART_SIZE = 16 * 1024 * 1024
"""Bytes of a part of a multi-part upload; an upload holds a few of these in memory, however long it is."""

NO_DELIMITER = "~"
"""No key has one. Without any, the SDK asks for an empty one, which stores take to divide every key."""

LEFT_AFTER = 0.5
"""Seconds that a cancelled caller waits for a store that does not answer; the thread ends by itself."""

_CALLS_AT_ONCE = 16
_UPLOADS_AT_ONCE = 32
_LISTED_AT_ONCE = 1000

_NOT_OURS = {"AccessDenied", "NotImplemented"}
"""How stores answer that look after unfinished uploads themselves, or whose owner does."""

T = TypeVar("T")


class MinioStore:
    """Stores objects in one bucket, which is created when it is missing.

    The SDK blocks, so it runs in threads: some for calls that take moments, others for uploads, which
    take as long as whoever sends them. An object of several parts appears when the last has arrived.

    Args:
        endpoint: host and port, as this program reaches the store.
        access_key: half of what it signs in with.
        secret_key: the other half.
        bucket: where the objects lie.
        secure: whether to speak HTTPS.
        region: of the bucket.
        public_endpoint: as browsers reach the store, perhaps with ``https://`` in front; by default the
            same.
        cache: keeps what is looked into again and again, and is closed with the store; without it, such
            objects are fetched each time.

    Raises:
        InvalidSettingError: an endpoint is no host and port.
    """

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool = True,
        region: str = "us-east-1",
        public_endpoint: str | None = None,
        cache: LocalCache | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._bucket = bucket
        self._client = minio_client(
            endpoint,
            access_key,
            secret_key,
            secure=secure,
            region=region,
            connections=_CALLS_AT_ONCE + _UPLOADS_AT_ONCE,
        )
        # Only signs; it never connects, for this program may not reach the store that way.
        self._signer = minio_client(
            public_endpoint or endpoint, access_key, secret_key, secure=secure, region=region, connections=1
        )
        self._calls = ThreadPoolExecutor(_CALLS_AT_ONCE, "minio")
        self._uploads = ThreadPoolExecutor(_UPLOADS_AT_ONCE, "minio-upload")
        self._bucket_exists = False
        self._cache = cache

    async def close(self) -> None:
        """End the threads; nothing can be asked afterwards."""
        if self._cache:
            await self._cache.close()
        await in_thread(self._uploads.shutdown)
        await in_thread(self._calls.shutdown)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream; see `ObjectStore` for this and all other methods."""
        require_key(key)
        feed = Feed(chunks)
        try:
            await in_executor(self._uploads, lambda: self._upload(key, feed), feed.stop, LEFT_AFTER)
        except DomainError:
            if feed.error:
                # Taking back what had been sent may have failed too, but that is not what went wrong.
                raise feed.error from None
            raise
        if self._cache:
            await self._cache.forget(key)
        return await self.stat(key)

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a copy of a file."""
        with disk_errors(f"read {path.name}"):
            file = await in_thread(path.open, "rb")
        with file:
            return await self.put(key, read_stream(file))

    @asynccontextmanager
    async def local(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        """A copy in the scratch folder while the block lasts."""
        path = scratch / f"{PARTIAL_PREFIX}{secrets.token_hex(16)}.part"
        try:
            with disk_errors(f"write to {scratch}"):
                file = await in_thread(create_file, path)
            try:
                await write_stream(file, self.read(key))
            finally:
                with suppress(OSError):  # what a full disk did not take is tried again, in vain
                    file.close()
            yield path
        finally:
            await in_thread(path.unlink, missing_ok=True)

    def kept(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """A copy in the cache, if there is one."""
        require_key(key)
        return self._cache.copy(key, self) if self._cache else self.local(key, scratch)

    async def read(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes ``[start, stop)`` as they arrive."""
        require_range(start, stop)
        if start == stop:
            await self.stat(key)
            return
        response = await self._call(f"read {key}", lambda: self._get(key, start, stop))
        if response is None:
            return
        try:
            while chunk := await self._read(key, response):
                yield chunk
        finally:
            response.close()
            response.release_conn()

    async def stat(self, key: str) -> StoredObject:
        """Size and time of the object."""
        require_key(key)
        return await self._call(
            f"look at {key}", lambda: _stored(self._client.stat_object(self._bucket, key))
        )

    async def remove(self, key: str) -> None:
        """Delete the object."""
        require_key(key)
        await self._call(f"delete {key}", lambda: self._client.remove_object(self._bucket, key))
        if self._cache:  # afterwards, or the object could be fetched once more
            await self._cache.forget(key)

    async def remove_all(self, prefix: str) -> int:
        """Delete all objects whose keys begin so, many a request."""
        require_prefix(prefix)
        removed = await self._call(f"delete {prefix}*", lambda: self._remove_all(prefix))
        if self._cache:
            await self._cache.forget_all(prefix)
        return removed

    async def remove_partial(self, before: datetime) -> int:
        """Abort uploads of several parts that were begun before, a thousand at a time."""
        return await self._call("find unfinished uploads", lambda: self._abort_uploads(before))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Objects in the order of their keys."""
        found = self._listed(require_prefix(prefix))
        while batch := await self._call("list objects", lambda: [*islice(found, _LISTED_AT_ONCE)]):
            for stored in batch:
                yield stored

    async def presigned_get(self, key: str, filename: str, lasts: timedelta) -> str:
        """An address of the store, as browsers reach it; lasts a week at most."""
        require_key(key)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "response-content-disposition": content_disposition(filename)
        }
        return self._signer.presigned_get_object(self._bucket, key, lasts, response_headers=headers)

    async def presigned_put(self, key: str, lasts: timedelta) -> str:
        """An address of the store, as browsers reach it; lasts a week at most."""
        require_key(key)
        await self.ping()  # whoever comes with the address cannot create the bucket
        return self._signer.presigned_put_object(self._bucket, key, lasts)

    async def ping(self) -> None:
        """Make sure that the store answers and has the bucket."""
        await self._call("find the bucket", self._create_bucket)

    async def _call(self, what: str, work: Callable[[], T]) -> T:
        def call() -> T:
            with s3_errors(self._endpoint, what):
                self._require_bucket()
                return work()

        return await in_executor(self._calls, call, patience=LEFT_AFTER)

    async def _read(self, key: str, response: BaseHTTPResponse) -> bytes:
        def read() -> bytes:
            with s3_errors(self._endpoint, f"read {key}"):
                return response.read(READ_SIZE)

        def interrupt() -> None:
            # It may have come to its end by itself in the same moment.
            with suppress(OSError, ValueError):
                response.shutdown()

        # Waited for: whoever reads closes the response next.
        return await in_executor(self._calls, read, interrupt)

    def _require_bucket(self) -> None:
        if not self._bucket_exists:
            self._create_bucket()

    def _create_bucket(self) -> None:
        if not self._client.bucket_exists(self._bucket):
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                # Another process was quicker.
                if error.code != "BucketAlreadyOwnedByYou":
                    raise
        self._bucket_exists = True

    def _upload(self, key: str, feed: Feed) -> None:
        with s3_errors(self._endpoint, f"write {key}"):
            self._require_bucket()
            # The SDK reads, and nothing else. One part goes after the other: its threads for several
            # would go on after a failure and leave parts behind that nobody takes back.
            self._client.put_object(
                self._bucket, key, cast("BinaryIO", feed), -1, part_size=PART_SIZE, num_parallel_uploads=1
            )

    def _get(self, key: str, start: int, stop: int | None) -> BaseHTTPResponse | None:
        """The open response, or None where the range begins behind the end."""
        length = 0 if stop is None else stop - start
        try:
            return self._client.get_object(self._bucket, str(require_key(key)), start, length)
        except S3Error as error:
            if error.code == "InvalidRange":
                return None
            raise

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        return (_stored(one) for one in found)

    def _remove_all(self, prefix: str) -> int:
        doomed = [DeleteObject(stored.key) for stored in self._listed(prefix)]
        errors = [*self._client.remove_objects(self._bucket, doomed)]
        if errors:
            message = f"{len(errors)} of {len(doomed)} objects could not be deleted: {errors[0].message}"
            raise StorageUnavailableError(message, "try again, or look into the log of the store")
        return len(doomed)

    def _abort_uploads(self, before: datetime) -> int:
        # The SDK has no public calls for these two; it uses them itself when an upload fails.
        try:
            found = self._client._list_multipart_uploads(  # noqa: SLF001
                self._bucket, delimiter=NO_DELIMITER
            ).uploads
        except S3Error as error:
            if error.code in _NOT_OURS:
                return 0
            raise
        stale = [one for one in found if one.upload_id and one.initiated_time and one.initiated_time < before]
        for one in stale:
            self._client._abort_multipart_upload(self._bucket, one.object_name, str(one.upload_id))  # noqa: SLF001
        return len(stale)


def _stored(found: Object) -> StoredObject:
    modified = found.last_modified or datetime.now(UTC)
    return StoredObject(found.object_name or "", found.size or 0, modified)
