"""Use cases around stored videos: upload, look at, delete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from framecloak.domain.accounts.model import Principal
from framecloak.domain.errors import (
    DomainError,
    EmptyFileError,
    ImageTooLargeError,
    InputNotFoundError,
    NoFramesError,
    NoVideoStreamError,
    ObjectNotFoundError,
    StorageUnavailableError,
    TruncatedVideoError,
    UnreadableVideoError,
    UploadNotFoundError,
    UploadTooLargeError,
    VideoNotFoundError,
)
from framecloak.domain.ports.database import Database, Page, UnitOfWork
from framecloak.domain.ports.services import Clock, ObjectStore, ProbedVideo, VideoProber
from framecloak.domain.videos.filenames import tidy
from framecloak.domain.videos.model import GrantRole, PendingUpload, Video, VideoFacts

UPLOAD_LASTS = timedelta(hours=1)
VIDEOS = "videos/"
"""What the keys of videos begin with."""
UPLOADS = "uploads/"
"""What the keys of bytes that were put straight into the object store begin with."""

VERDICTS = (
    EmptyFileError,
    ImageTooLargeError,
    NoFramesError,
    NoVideoStreamError,
    TruncatedVideoError,
    UnreadableVideoError,
    UploadTooLargeError,
)
"""What is wrong with the bytes themselves, so that the same bytes need not be tried again."""


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """Where to put the bytes of a video.

    Attributes:
        upload: to be completed when they are there.
        url: takes them by HTTP PUT.
    """

    upload: PendingUpload
    url: str = field(repr=False)


class Collection:
    """The stored videos.

    Args:
        database: where they are recorded.
        store: where their bytes are.
        prober: looks at what was uploaded.
        clock: tells the time.
        scratch: folder for files that are needed for a moment.
        max_upload_bytes: the largest upload to take.
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

    @property
    def max_upload_bytes(self) -> int:
        """The largest upload to take."""
        return self._max_upload_bytes

    async def upload(self, principal: Principal, filename: str, chunks: AsyncIterator[bytes]) -> Video:
        """Store a video as it arrives; nothing is kept when it turns out to be none.

        Raises:
            UploadTooLargeError: it has more bytes than allowed.
            UnreadableVideoError: it is no video; and the other errors of opening one.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: it is full.
        """
        key = f"{VIDEOS}{uuid4().hex}"
        digest = sha256()
        await self._store.put(key, self._measured(chunks, digest.update))
        return await self._register(principal, tidy(filename), key, digest.hexdigest())

    async def begin_upload(self, principal: Principal, filename: str) -> StartedUpload:
        """Have a video put straight into the object store.

        Raises:
            StorageUnavailableError: the store cannot be reached.
        """
        upload_id = uuid4().hex
        expires_at = self._clock.now() + UPLOAD_LASTS
        key = f"{UPLOADS}{upload_id}"
        upload = PendingUpload(upload_id, principal.user_id, tidy(filename), key, expires_at)
        url = await self._store.presigned_put(key, UPLOAD_LASTS)
        async with self._database.unit_of_work() as work:
            await work.uploads.add(upload)
            await work.commit()
        return StartedUpload(upload, url)

    async def receive(self, object_key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store bytes that were put to the address of an upload.

        Raises:
            UploadNotFoundError: no upload expects them (any more); nothing is kept.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: it is full.
        """
        await self._require_expected(object_key)
        await self._store.put(object_key, chunks)
        try:
            await self._require_expected(object_key)
        except UploadNotFoundError:
            # Completed while they arrived: nobody else would look for them again.
            await self._store.remove(object_key)
            raise

    async def complete_upload(self, principal: Principal, upload_id: str) -> Video:
        """Turn bytes that were put into the object store into a video.

        They are kept until they are one, or are found to be none: after any other error this can be
        repeated.

        Raises:
            UploadNotFoundError: the caller has no such upload, or somebody else was quicker to complete it;
                or its bytes have not arrived, and it can still be completed when they have.
            UploadTooLargeError: it has more bytes than allowed.
            UnreadableVideoError: it is no video; and the other errors of opening one.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: it is full.
        """
        begun = self._clock.now()
        async with self._database.unit_of_work() as work:
            upload = await work.uploads.get(upload_id, principal.user_id, begun)

        async def take(work: UnitOfWork) -> None:
            # As of the beginning: a long upload must not expire while it is being copied.
            await work.uploads.take(upload_id, principal.user_id, begun)

        key = f"{VIDEOS}{uuid4().hex}"
        digest = sha256()
        try:
            # Read through, so that what is hashed and probed cannot be replaced by a later PUT.
            await self._store.put(key, self._measured(self._store.read(upload.object_key), digest.update))
            video = await self._register(principal, upload.filename, key, digest.hexdigest(), take)
        except ObjectNotFoundError as error:
            raise UploadNotFoundError("nothing was uploaded", "PUT the file to the address first") from error
        except VERDICTS:
            async with self._database.unit_of_work() as work:
                with suppress(UploadNotFoundError):  # another completion came to the same verdict
                    await take(work)
                    await work.commit()
            await self._discard(upload)
            raise
        await self._discard(upload)
        return video

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Video]:
        """Videos that the caller may see, newest first."""
        async with self._database.unit_of_work() as work:
            return await work.videos.list(principal, limit, offset)

    async def get(self, principal: Principal, video_id: int) -> Video:
        """One that the caller may see.

        Raises:
            VideoNotFoundError: there is none.
        """
        async with self._database.unit_of_work() as work:
            return await work.videos.get(video_id, principal, GrantRole.VIEWER)

    async def delete(self, principal: Principal, video_id: int) -> None:
        """Delete a video and everything marked on it.

        Raises:
            VideoNotFoundError: there is none that the caller may see.
            ForbiddenError: it is not the caller's.
            VideoInUseError: an unfinished request needs it.
            StorageUnavailableError: its bytes cannot be deleted now; the video is still there.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.OWNER)
            await work.videos.remove(video_id)
            await work.audit.add(principal, "video.delete", f"video:{video_id}", {})
            # Before the commit: what cannot be deleted must stay known, so that it can be tried again.
            await self._store.remove(video.object_key)
            await work.commit()

    async def frame(self, principal: Principal, video_id: int, index: int, width: int | None) -> bytes:
        """One original frame as JPEG, for marking; whoever gets to see one is recorded.

        Raises:
            VideoNotFoundError: there is none that the caller may see, or its file is gone.
            FrameNotFoundError: it has no such frame.
        """
        video = await self.get(principal, video_id)
        try:
            async with self._store.kept(video.object_key, self._scratch) as path:
                picture = await asyncio.to_thread(self._prober.frame_jpeg, path, index, width)
        except (ObjectNotFoundError, InputNotFoundError) as error:
            raise VideoNotFoundError(
                f"the file of video {video_id} is gone", "upload the video again"
            ) from error
        async with self._database.unit_of_work() as work:
            await work.audit.add(principal, "frame.view", f"video:{video_id}", {"index": index})
            await work.commit()
        return picture

    async def _require_expected(self, object_key: str) -> None:
        async with self._database.unit_of_work() as work:
            if not await work.uploads.expects(object_key):
                raise UploadNotFoundError("no upload expects these bytes", "begin a new one")

    async def _discard(self, upload: PendingUpload) -> None:
        """Remove the bytes of an upload that was dealt with, whatever came of it."""
        with suppress(StorageUnavailableError):  # the next cleaning finds them
            await self._store.remove(upload.object_key)

    async def _register(
        self,
        principal: Principal,
        filename: str,
        key: str,
        digest: str,
        take: Callable[[UnitOfWork], Awaitable[None]] | None = None,
    ) -> Video:
        """Look at stored bytes and record them as a video; delete them when that fails.

        Args:
            principal: whose video it is to be.
            filename: what they call it.
            key: of the bytes.
            digest: of the bytes.
            take: part of recording it, where only one of several callers may.
        """
        try:
            async with self._store.local(key, self._scratch) as path:
                size = path.stat().st_size
                probed = await self._probed(path, filename)
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
                if take:
                    await take(work)
                video = await work.videos.add(principal.user_id, filename, key, facts, probed.frame_index)
                await work.audit.add(principal, "video.upload", f"video:{video.id}", {"sha256": digest})
                await work.commit()
        except BaseException:
            await self._store.remove(key)
            raise
        return video

    async def _probed(self, path: Path, filename: str) -> ProbedVideo:
        try:
            return await asyncio.to_thread(self._prober.probe, path)
        except DomainError as error:
            # What the store calls it says nothing to whoever uploaded it.
            error.message = error.message.replace(path.name, filename)
            raise

    async def _measured(
        self, chunks: AsyncIterator[bytes], update: Callable[[bytes], None]
    ) -> AsyncIterator[bytes]:
        """The same chunks, hashed on the way, as long as there are not too many of them."""
        total = 0
        async for chunk in chunks:
            total += len(chunk)
            if total > self._max_upload_bytes:
                limit = self._max_upload_bytes
                raise UploadTooLargeError(f"uploads may have at most {limit} bytes", "cut the video")
            # hashlib lets other threads run, but not the event loop's other tasks.
            await asyncio.to_thread(update, chunk) if len(chunk) > 1 << 20 else update(chunk)
            yield chunk
