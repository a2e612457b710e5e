"""Use cases of uploads: store the bytes of a video, examine and record it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from framecloak.domain.errors import (
    DomainError,
    EmptyFileError,
    ImageTooLargeError,
    NoFramesError,
    NoVideoStreamError,
    ObjectNotFoundError,
    StorageUnavailableError,
    TruncatedVideoError,
    UnreadableVideoError,
    UploadNotFoundError,
    UploadTooLargeError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import PendingUpload, Video, VideoFacts
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.video import ProbedVideo, VideoProber
from framecloak.domain.videos.filenames import sanitize_filename

MAX_CONCURRENT_PROBES = 2
"""Maximum number of uploads examined at the same time, each of which decodes a few frames."""

UPLOAD_TTL = timedelta(hours=1)
VIDEO_KEY_PREFIX = "videos/"
"""Prefix of the object keys of videos."""
UPLOAD_KEY_PREFIX = "uploads/"
"""Prefix of the object keys of pending uploads."""

INVALID_UPLOAD_ERRORS = (
    EmptyFileError,
    ImageTooLargeError,
    NoFramesError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
    UploadTooLargeError,
)
"""Errors of the bytes themselves; repeating the attempt with the same bytes is pointless."""


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """A pending upload with its address.

    Attributes:
        upload: upload to be completed once the bytes have arrived.
        url: presigned URL for the HTTP PUT.
    """

    upload: PendingUpload
    url: str = field(repr=False)


class UploadService:
    """Use cases of uploads.

    Args:
        database: storage of the records.
        store: storage of the bytes.
        prober: reads the properties of uploaded files.
        clock: current time (UTC).
        scratch: folder for temporary files.
        max_upload_bytes: maximum size of an upload in bytes.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        prober: VideoProber,
        clock: Clock,
        scratch: Path,
        max_upload_bytes: int,
    ) -> None:
        self._database = database
        self._store = store
        self._prober = prober
        self._clock = clock
        self._scratch = scratch
        self._max_upload_bytes = max_upload_bytes
        self._probes = asyncio.Semaphore(MAX_CONCURRENT_PROBES)

    @property
    def max_upload_bytes(self) -> int:
        """Maximum size of an upload in bytes."""
        return self._max_upload_bytes

    async def upload(self, principal: Principal, filename: str, chunks: AsyncIterator[bytes]) -> Video:
        """Store a video as it arrives; the bytes are deleted if they are not a valid video.

        Raises:
            UploadTooLargeError: the upload is larger than allowed.
            UnreadableVideoError: the bytes are not a video; also the other errors of opening a video.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the store is full.
        """
        key = f"{VIDEO_KEY_PREFIX}{uuid4().hex}"
        digest = sha256()
        await self._store.put(key, self._hashed_within_limit(chunks, digest.update))
        return await self._register(principal, sanitize_filename(filename), key, digest.hexdigest())

    async def begin_upload(self, principal: Principal, filename: str) -> StartedUpload:
        """Start an upload that goes directly to the object store.

        Raises:
            StorageUnavailableError: the store cannot be reached.
        """
        upload_id = uuid4().hex
        expires_at = self._clock.now() + UPLOAD_TTL
        key = f"{UPLOAD_KEY_PREFIX}{upload_id}"
        upload = PendingUpload(upload_id, principal.user_id, sanitize_filename(filename), key, expires_at)
        url = await self._store.presigned_put(key, UPLOAD_TTL)
        async with self._database.unit_of_work() as work:
            await work.uploads.add(upload)
            await work.commit()
        return StartedUpload(upload, url)

    async def receive(self, object_key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store bytes that were PUT to the address of a pending upload.

        Raises:
            UploadNotFoundError: no pending upload has this address; nothing is stored.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the store is full.
        """
        await self._require_pending(object_key)
        await self._store.put(object_key, chunks)
        try:
            await self._require_pending(object_key)
        except UploadNotFoundError:
            # Completed while the bytes arrived: nothing else would delete them.
            await self._store.remove(object_key)
            raise

    async def complete_upload(self, principal: Principal, upload_id: str) -> Video:
        """Turn the bytes of a pending upload into a video.

        The bytes are kept until they have become a video or are found to be invalid; after any other error
        the call can be repeated.

        Raises:
            UploadNotFoundError: the caller has no such upload, it was completed concurrently, or its bytes
                have not arrived. In the last case it can still be completed later.
            UploadTooLargeError: the upload is larger than allowed.
            UnreadableVideoError: the bytes are not a video; also the other errors of opening a video.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the store is full.
        """
        started_at = self._clock.now()
        async with self._database.unit_of_work() as work:
            upload = await work.uploads.get(upload_id, principal.user_id, started_at)

        async def take(work: UnitOfWork) -> None:
            # Checked against the start time: a long upload must not expire while it is being copied.
            await work.uploads.claim(upload_id, principal.user_id, started_at)

        key = f"{VIDEO_KEY_PREFIX}{uuid4().hex}"
        digest = sha256()
        try:
            # Copied, so that a later PUT cannot replace what was hashed and probed.
            await self._store.put(
                key, self._hashed_within_limit(self._store.read(upload.object_key), digest.update)
            )
            video = await self._register(principal, upload.filename, key, digest.hexdigest(), take)
        except ObjectNotFoundError as error:
            raise UploadNotFoundError("nothing was uploaded", "PUT the file to the address first") from error
        except INVALID_UPLOAD_ERRORS:
            async with self._database.unit_of_work() as work:
                with suppress(UploadNotFoundError):  # a concurrent completion failed the same way
                    await take(work)
                    await work.commit()
            await self._discard(upload)
            raise
        await self._discard(upload)
        return video

    async def _require_pending(self, object_key: str) -> None:
        async with self._database.unit_of_work() as work:
            if not await work.uploads.is_pending(object_key):
                raise UploadNotFoundError("no pending upload has this address", "begin a new upload")

    async def _discard(self, upload: PendingUpload) -> None:
        """Remove the bytes of an upload that was completed or found to be invalid."""
        with suppress(StorageUnavailableError):  # the next clean-up deletes them
            await self._store.remove(upload.object_key)

    async def _register(
        self,
        principal: Principal,
        filename: str,
        key: str,
        digest: str,
        claim: Callable[[UnitOfWork], Awaitable[None]] | None = None,
    ) -> Video:
        """Probe stored bytes and record them as a video; delete them if that fails.

        Args:
            principal: owner of the video.
            filename: name given by the owner.
            key: key of the bytes in the object store.
            digest: SHA-256 of the bytes, hex.
            claim: run in the same transaction; fails for all but one of several concurrent callers.
        """
        try:
            async with self._store.local_file(key, self._scratch) as path:
                size = path.stat().st_size
                probed = await self._probe(path, filename)
            facts = VideoFacts(
                sha256=digest,
                size_bytes=size,
                width=probed.width,
                height=probed.height,
                frame_rate=probed.frame_rate,
                frame_count=probed.frame_count,
                duration=probed.duration,
                rotation=probed.rotation,
            )
            async with self._database.unit_of_work() as work:
                if claim:
                    await claim(work)
                video = await work.videos.add(principal.user_id, filename, key, facts, probed.frame_index)
                await work.audit.add(principal, "video.upload", f"video:{video.id}", {"sha256": digest})
                await work.commit()
        except BaseException:
            await self._store.remove(key)
            raise
        return video

    async def _probe(self, path: Path, filename: str) -> ProbedVideo:
        try:
            async with self._probes:
                return await asyncio.to_thread(self._prober.probe, path)
        except DomainError as error:
            # The name in the store means nothing to the user.
            error.message = error.message.replace(path.name, filename)
            raise

    async def _hashed_within_limit(
        self, chunks: AsyncIterator[bytes], update: Callable[[bytes], None]
    ) -> AsyncIterator[bytes]:
        """Yield the chunks unchanged while hashing them; enforce the size limit."""
        total = 0
        async for chunk in chunks:
            total += len(chunk)
            if total > self._max_upload_bytes:
                limit = self._max_upload_bytes
                raise UploadTooLargeError(f"uploads may have at most {limit} bytes", "cut the video")
            # hashlib releases the GIL for other threads, but would block the event loop.
            await asyncio.to_thread(update, chunk) if len(chunk) > 1 << 20 else update(chunk)
            yield chunk
