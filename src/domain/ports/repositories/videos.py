"""Repositories of stored videos, their segments and regions, grants and uploads.

Methods with a ``Principal`` treat what that caller may not see as missing. Times are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.segments import Region, Segment
from framecloak.domain.model.videos import (
    GrantRole,
    MarkedRegion,
    MarkedSegment,
    PendingUpload,
    Video,
    VideoFacts,
    VideoFilter,
    VideoGrant,
    VideoOrder,
)
from framecloak.domain.ports.repositories.paging import Page


class VideoRepository(Protocol):
    """Repository of stored videos."""

    async def add(
        self, owner_id: int, filename: str, object_key: str, facts: VideoFacts, frame_index: bytes
    ) -> Video:
        """Store a video and its frame index, which is opaque to the repository."""
        ...

    async def get(self, video_id: int, principal: Principal, required_role: GrantRole) -> Video:
        """Return a video that the caller may use in the required role.

        Raises:
            VideoNotFoundError: the video does not exist, or the caller may not see it.
            ForbiddenError: the caller may see the video but lacks the required role.
        """
        ...

    async def frame_index(self, video_id: int) -> bytes:
        """Return the stored frame index of a video. The caller has checked access to the video.

        Raises:
            VideoNotFoundError: the video does not exist.
        """
        ...

    async def list(
        self,
        principal: Principal,
        limit: int,
        offset: int,
        criteria: VideoFilter | None = None,
        order: VideoOrder = VideoOrder.NEWEST,
    ) -> Page[Video]:
        """Return a page of the videos that the caller may see and that meet the criteria."""
        ...

    async def tags(self, principal: Principal) -> Mapping[str, int]:
        """Return the tags of all videos that the caller may see, with the number of videos."""
        ...

    async def describe(self, video_id: int, title: str | None, tags: Sequence[str]) -> None:
        """Set title and tags of a video. The caller has checked access to the video."""
        ...

    async def titles(self, video_ids: Collection[int]) -> Mapping[int, str]:
        """Return the titles of those of the videos that have one, by id; videos may be deleted."""
        ...

    async def stored_bytes(self) -> int:
        """Return the total size of all videos in the object store, in bytes."""
        ...

    async def unreferenced_keys(self, object_keys: Sequence[str]) -> AbstractSet[str]:
        """Return those of the keys that do not belong to any video."""
        ...

    async def remove(self, video_id: int) -> None:
        """Delete a video with its segments, regions and grants.

        Raises:
            VideoInUseError: an unfinished request needs the video.
        """
        ...


class MarkRepository(Protocol):
    """Repository of segments and regions marked on videos. The caller has checked access to the video."""

    async def add_segment(self, video_id: int, segment: Segment, label: str | None) -> MarkedSegment:
        """Mark a time range."""
        ...

    async def segments(self, video_id: int) -> Sequence[MarkedSegment]:
        """Return all segments of a video, in order of time."""
        ...

    async def segment(self, video_id: int, segment_id: int) -> MarkedSegment:
        """Return one segment of a video.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def update_segment(self, marked: MarkedSegment) -> None:
        """Store the limits and the label of a segment.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def remove_segment(self, video_id: int, segment_id: int) -> None:
        """Delete a segment.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def add_region(self, video_id: int, region: Region, label: str | None) -> MarkedRegion:
        """Mark a region."""
        ...

    async def regions(self, video_id: int) -> Sequence[MarkedRegion]:
        """Return all regions of a video, oldest first."""
        ...

    async def remove_region(self, video_id: int, region_id: int) -> None:
        """Delete a region.

        Raises:
            RegionNotFoundError: the video has no such region.
        """
        ...


class GrantRepository(Protocol):
    """Repository of grants on videos. The caller has checked the right to share the video."""

    async def list(self, video_id: int) -> Sequence[VideoGrant]:
        """Return all grants on a video."""
        ...

    async def put(
        self, video_id: int, user_id: int, role: GrantRole, *, is_named: bool = False
    ) -> VideoGrant:
        """Create or change a grant; a grant that is named once stays so.

        Raises:
            UserNotFoundError: the account does not exist.
        """
        ...

    async def remove(self, video_id: int, user_id: int) -> None:
        """Delete a grant.

        Raises:
            GrantNotFoundError: the account has no grant on the video.
        """
        ...


class UploadRepository(Protocol):
    """Repository of pending uploads, which go directly to the object store."""

    async def add(self, upload: PendingUpload) -> None:
        """Store a pending upload."""
        ...

    async def get(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """Return a pending upload.

        Raises:
            UploadNotFoundError: the account has no such upload, or it has expired.
        """
        ...

    async def is_pending(self, object_key: str) -> bool:
        """Return True if the key belongs to an upload that is still pending."""
        ...

    async def claim(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """Remove an upload from the pending ones because it is completed; only one caller succeeds.

        Raises:
            UploadNotFoundError: the account has no such upload, or it has expired.
        """
        ...

    async def remove_expired(self, now: datetime) -> Sequence[PendingUpload]:
        """Delete expired uploads and return them."""
        ...
