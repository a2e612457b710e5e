"""Use cases of stored videos: list, describe, view, delete."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from framecloak.domain.errors import (
    InputNotFoundError,
    ObjectNotFoundError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import (
    GrantRole,
    Video,
    VideoFilter,
    VideoOrder,
)
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.video import VideoProber
from framecloak.domain.storage.originals import Originals
from framecloak.domain.support.memory_budget import MemoryBudget
from framecloak.domain.videos.descriptions import clean_tags, clean_title

PREVIEW_MEMORY_BYTES = 1 << 30
"""Memory that all frame previews of a process may take together; a larger one runs alone."""

MAX_CONCURRENT_PREVIEWS = 4


class VideoService:
    """Use cases of stored videos.

    Args:
        database: storage of the records.
        store: storage of the bytes.
        prober: decodes single frames.
        scratch: folder for temporary files.
        originals: provides the files of stored videos.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        prober: VideoProber,
        scratch: Path,
        originals: Originals,
    ) -> None:
        self._database = database
        self._store = store
        self._prober = prober
        self._scratch = scratch
        self._originals = originals
        self._preview_memory = MemoryBudget(PREVIEW_MEMORY_BYTES, MAX_CONCURRENT_PREVIEWS)

    async def list(
        self,
        principal: Principal,
        limit: int,
        offset: int,
        criteria: VideoFilter | None = None,
        order: VideoOrder = VideoOrder.NEWEST,
    ) -> Page[Video]:
        """Return a page of the videos that the caller may see and that meet the criteria."""
        async with self._database.unit_of_work() as work:
            return await work.videos.list(principal, limit, offset, criteria, order)

    async def tags(self, principal: Principal) -> Mapping[str, int]:
        """Return the tags of all videos that the caller may see, with the number of videos."""
        async with self._database.unit_of_work() as work:
            return await work.videos.tags(principal)

    async def describe(
        self,
        principal: Principal,
        video_id: int,
        *,
        title: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Video:
        """Change title and tags of a video.

        Arguments that are None leave their field unchanged; an empty title removes the title.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but not edit it.
            InvalidOptionError: the title or a tag is too long, or there are too many tags.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.EDITOR)
            new_title = video.title if title is None else clean_title(title)
            new_tags = video.tags if tags is None else clean_tags(tags)
            await work.videos.describe(video_id, new_title, new_tags)
            details: dict[str, object] = {"title": new_title, "tags": list(new_tags)}
            await work.audit.add(principal, "video.describe", f"video:{video_id}", details)
            await work.commit()
        return replace(video, title=new_title, tags=new_tags)

    async def get(self, principal: Principal, video_id: int) -> Video:
        """Return a video that the caller may see.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
        """
        async with self._database.unit_of_work() as work:
            return await work.videos.get(video_id, principal, GrantRole.VIEWER)

    async def delete(self, principal: Principal, video_id: int) -> None:
        """Delete a video with its segments, regions and grants.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller does not own the video.
            VideoInUseError: an unfinished request needs the video.
            StorageUnavailableError: the bytes cannot be deleted now; the video still exists.
        """
        async with self._database.unit_of_work() as work:
            video = await work.videos.get(video_id, principal, GrantRole.OWNER)
            await work.videos.remove(video_id)
            await work.audit.add(principal, "video.delete", f"video:{video_id}", {})
            # Before the commit: if the deletion fails, the record must remain so that it can be retried.
            await self._store.remove(video.object_key)
            await work.commit()

    async def frame(self, principal: Principal, video_id: int, index: int, width: int | None) -> bytes:
        """Return an original frame as JPEG, for marking; each access is recorded in the audit log.

        Raises:
            VideoNotFoundError: the caller may see no such video, or its file is gone.
            FrameNotFoundError: the video has no such frame.
            FrameDamagedError: the frame is damaged in the file.
            OriginalDamagedError: the stored file is not the uploaded one.
        """
        video = await self.get(principal, video_id)
        try:
            async with self._preview_slot(video), self._originals.file(video, self._scratch) as path:
                jpeg = await asyncio.to_thread(self._prober.frame_jpeg, path, index, width)
        except (ObjectNotFoundError, InputNotFoundError) as error:
            raise VideoNotFoundError(
                f"the file of video {video_id} is gone", "upload the video again"
            ) from error
        async with self._database.unit_of_work() as work:
            await work.audit.add(principal, "frame.view", f"video:{video_id}", {"index": index})
            await work.commit()
        return jpeg

    def _preview_slot(self, video: Video) -> AbstractAsyncContextManager[None]:
        memory = self._prober.frame_memory(video.facts.width, video.facts.height)
        return self._preview_memory.reserve(memory)
