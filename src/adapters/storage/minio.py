"""Object store in MinIO or another S3-compatible server."""

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
from framecloak.adapters.storage.blocking_reader import ChunkReader
from framecloak.adapters.storage.filenames import content_disposition
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.adapters.storage.minio_client import minio_client
from framecloak.adapters.storage.minio_errors import s3_errors
from framecloak.adapters.storage.object_keys import require_key, require_prefix, require_range
from framecloak.adapters.storage.threads import in_executor, in_thread
from framecloak.domain.errors import DomainError, ObjectNotFoundError, StorageUnavailableError
from framecloak.domain.ports.object_store import StoredObject

PART_SIZE = 16 * 1024 * 1024
"""Bytes per part of a multipart upload; an upload of any length holds a few parts in memory."""

UNUSED_DELIMITER = "~"
"""Delimiter that occurs in no key. The SDK's default is empty, which stores take to split every key."""

ABANDON_SECONDS = 0.5
"""Seconds that a cancelled caller waits for a store that does not answer; the thread ends later by itself."""

_MAX_CALLS = 16
_MAX_UPLOADS = 32
_LIST_BATCH = 1000

_NOT_PERMITTED_CODES = {"AccessDenied", "NotImplemented"}
"""Error codes of stores that do not let this program manage unfinished uploads."""

T = TypeVar("T")


class MinioStore:
    """Object store in one S3 bucket, which is created when missing.

    The SDK is blocking, so it runs in two thread pools: one for short calls, the other for uploads, which
    take as long as their senders. A multipart object becomes visible when its last part has arrived.

    Args:
        endpoint: host and port of the store, as seen by this program.
        access_key: access key id.
        secret_key: secret access key.
        bucket: name of the bucket.
        secure: use HTTPS.
        region: region of the bucket.
        public_endpoint: host and port as seen by browsers, optionally with a scheme; default: ``endpoint``.
        cache: cache for frequently read objects, closed with the store; without it, such objects are fetched
            each time.

    Raises:
        InvalidSettingError: an endpoint is invalid.
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
            connections=_MAX_CALLS + _MAX_UPLOADS,
        )
        # Only signs URLs and never connects: the public endpoint may be unreachable from here.
        self._signer = minio_client(
            public_endpoint or endpoint, access_key, secret_key, secure=secure, region=region, connections=1
        )
        self._calls = ThreadPoolExecutor(_MAX_CALLS, "minio")
        self._uploads = ThreadPoolExecutor(_MAX_UPLOADS, "minio-upload")
        self._bucket_exists = False
        self._cache = cache

    async def close(self) -> None:
        """Close the cache and end the threads; the store cannot be used afterwards."""
        if self._cache:
            await self._cache.close()
        await in_thread(self._uploads.shutdown)
        await in_thread(self._calls.shutdown)

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> StoredObject:
        """Store a stream; see `ObjectStore` for this and all other methods."""
        require_key(key)
        reader = ChunkReader(chunks)
        try:
            await in_executor(self._uploads, lambda: self._upload(key, reader), reader.stop, ABANDON_SECONDS)
        except DomainError:
            if reader.error:
                # Aborting the upload may have failed, too, but the stream's error is the cause.
                raise reader.error from None
            raise
        if self._cache:
            await self._cache.discard(key)
        return await self.stat(key)

    async def put_file(self, key: str, path: Path) -> StoredObject:
        """Store a copy of a file."""
        with disk_errors(f"read {path.name}"):
            file = await in_thread(path.open, "rb")
        with file:
            return await self.put(key, read_stream(file))

    @asynccontextmanager
    async def local_file(self, key: str, scratch: Path) -> AsyncIterator[Path]:
        """Yield the path of a copy in the scratch folder, which exists until the block ends."""
        path = scratch / f"{PARTIAL_PREFIX}{secrets.token_hex(16)}.part"
        try:
            with disk_errors(f"write to {scratch}"):
                file = await in_thread(create_file, path)
            try:
                await write_stream(file, self.read(key))
            finally:
                with suppress(OSError):  # closing retries the write that failed on a full disk
                    file.close()
            yield path
        finally:
            await in_thread(path.unlink, missing_ok=True)

    def cached_file(self, key: str, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Yield the path of a copy in the cache, or in the scratch folder when there is no cache."""
        require_key(key)
        return self._cache.copy(key, self) if self._cache else self.local_file(key, scratch)

    async def forget_copy(self, key: str) -> None:
        """Delete the copies of the object on this machine."""
        if self._cache:
            await self._cache.discard(key)

    async def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes ``[start, stop)`` as they arrive."""
        require_range(start, stop)
        if start == stop:
            await self.stat(key)
            return
        response = await self._call(f"read {key}", lambda: self._open_range(key, start, stop, version))
        if response is None:
            return
        try:
            while chunk := await self._read_chunk(key, response):
                yield chunk
        finally:
            response.close()
            response.release_conn()

    async def stat(self, key: str) -> StoredObject:
        """Return the size and modification time of the object."""
        require_key(key)
        return await self._call(
            f"examine {key}", lambda: _stored_object(self._client.stat_object(self._bucket, key))
        )

    async def remove(self, key: str) -> None:
        """Delete the object."""
        require_key(key)
        await self._call(f"delete {key}", lambda: self._client.remove_object(self._bucket, key))
        if self._cache:  # after the deletion, or the object could be fetched again
            await self._cache.discard(key)

    async def remove_prefix(self, prefix: str) -> int:
        """Delete all objects whose keys begin with the prefix, in batches; return their number."""
        require_prefix(prefix)
        removed = await self._call(f"delete {prefix}*", lambda: self._remove_all(prefix))
        if self._cache:
            await self._cache.discard_prefix(prefix)
        return removed

    async def remove_partial(self, before: datetime) -> int:
        """Abort multipart uploads begun before the given time, at most 1000 per call; return their number."""
        return await self._call("list unfinished uploads", lambda: self._abort_uploads(before))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield objects in the order of their keys."""
        found = self._list_objects(require_prefix(prefix))
        while batch := await self._call("list objects", lambda: [*islice(found, _LIST_BATCH)]):
            for stored in batch:
                yield stored

    async def presigned_get(self, key: str, filename: str, ttl: timedelta) -> str:
        """Return a URL of the public endpoint that downloads the object; valid for a week at most."""
        require_key(key)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "response-content-disposition": content_disposition(filename)
        }
        return self._signer.presigned_get_object(self._bucket, key, ttl, response_headers=headers)

    async def presigned_put(self, key: str, ttl: timedelta) -> str:
        """Return a URL of the public endpoint that uploads the object; valid for a week at most."""
        require_key(key)
        await self.ping()  # the client that uses the URL cannot create the bucket
        return self._signer.presigned_put_object(self._bucket, key, ttl)

    async def ping(self) -> None:
        """Check that the store answers, and create the bucket when missing."""
        await self._call("find the bucket", self._create_bucket)

    async def _call(self, action: str, work: Callable[[], T]) -> T:
        def call() -> T:
            with s3_errors(self._endpoint, action):
                self._require_bucket()
                return work()

        return await in_executor(self._calls, call, max_wait_seconds=ABANDON_SECONDS)

    async def _read_chunk(self, key: str, response: BaseHTTPResponse) -> bytes:
        def read() -> bytes:
            with s3_errors(self._endpoint, f"read {key}"):
                return response.read(READ_SIZE)

        def interrupt() -> None:
            # The response may have ended at the same moment.
            with suppress(OSError, ValueError):
                response.shutdown()

        # Wait without a limit, because the caller closes the response next.
        return await in_executor(self._calls, read, interrupt)

    def _require_bucket(self) -> None:
        if not self._bucket_exists:
            self._create_bucket()

    def _create_bucket(self) -> None:
        if not self._client.bucket_exists(self._bucket):
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                # Another process created it first.
                if error.code != "BucketAlreadyOwnedByYou":
                    raise
        self._bucket_exists = True

    def _upload(self, key: str, reader: ChunkReader) -> None:
        with s3_errors(self._endpoint, f"write {key}"):
            self._require_bucket()
            # The SDK only calls read(). Parts are uploaded one by one, because parallel threads would
            # continue after a failure and leave parts that are never aborted.
            self._client.put_object(
                self._bucket, key, cast("BinaryIO", reader), -1, part_size=PART_SIZE, num_parallel_uploads=1
            )

    def _open_range(
        self, key: str, start: int, stop: int | None, version: str | None
    ) -> BaseHTTPResponse | None:
        """Return the open response, or None when the range begins after the end of the object."""
        length = 0 if stop is None else stop - start
        try:
            response = self._client.get_object(self._bucket, str(require_key(key)), start, length)
        except S3Error as error:
            if error.code == "InvalidRange":
                return None
            raise
        # Compared here rather than asked for with If-Match, which not every store knows.
        if version is not None and response.headers.get("ETag", "").strip('"') != _etag(version):
            response.close()
            response.release_conn()
            raise ObjectNotFoundError(f"{key} was replaced meanwhile")
        return response

    def _list_objects(self, prefix: str) -> Iterator[StoredObject]:
        entries = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
        return (_stored_object(entry) for entry in entries)

    def _remove_all(self, prefix: str) -> int:
        deletions = [DeleteObject(stored.key) for stored in self._list_objects(prefix)]
        errors = [*self._client.remove_objects(self._bucket, deletions)]
        if errors:
            message = f"{len(errors)} of {len(deletions)} objects could not be deleted: {errors[0].message}"
            raise StorageUnavailableError(message, "try again, or check the log of the store")
        return len(deletions)

    def _abort_uploads(self, before: datetime) -> int:
        # The SDK has no public methods for these two calls, which it uses itself when an upload fails.
        try:
            uploads = self._client._list_multipart_uploads(  # noqa: SLF001
                self._bucket, delimiter=UNUSED_DELIMITER
            ).uploads
        except S3Error as error:
            if error.code in _NOT_PERMITTED_CODES:
                return 0
            raise
        stale = [
            upload
            for upload in uploads
            if upload.upload_id and upload.initiated_time and upload.initiated_time < before
        ]
        for upload in stale:
            self._client._abort_multipart_upload(  # noqa: SLF001
                self._bucket, upload.object_name, str(upload.upload_id)
            )
        return len(stale)


def _stored_object(entry: Object) -> StoredObject:
    modified = entry.last_modified or datetime.now(UTC)
    version = f"{entry.etag} {entry.version_id} {modified.timestamp()}"
    return StoredObject(entry.object_name or "", entry.size or 0, modified, version)


def _etag(version: str) -> str:
    return version.partition(" ")[0]
