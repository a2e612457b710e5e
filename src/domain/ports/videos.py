"""What the service asks of its database about stored videos.

Whatever takes a ``Principal`` is scoped to it: what the caller may not see does not exist for it. Times are
timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from framecloak.domain.accounts.model import Principal
from framecloak.domain.ports.paging import Page
from framecloak.domain.videos.model import (
    GrantRole,
    MarkedRegion,
    MarkedSegment,
    PendingUpload,
    Video,
    VideoFacts,
    VideoGrant,
)
from framecloak.domain.videos.segments import Region, Segment


class Videos(Protocol):
    """Stored videos."""

    async def add(
        self, owner_id: int, filename: str, object_key: str, facts: VideoFacts, frame_index: bytes
    ) -> Video:
        """Store a video and where its frames are; the index is opaque here."""
        ...

    async def get(self, video_id: int, principal: Principal, needed: GrantRole) -> Video:
        """A video that the caller may use so.

        Raises:
            VideoNotFoundError: there is none, or the caller may not even see it.
            ForbiddenError: the caller may see it, and not do what is needed.
        """
        ...

    async def frame_index(self, video_id: int) -> bytes:
        """Where the frames of a video are, as it was stored; the caller has checked access to the video.

        Raises:
            VideoNotFoundError: there is none.
        """
        ...

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Video]:
        """Videos that the caller may see, newest first."""
        ...

    async def stored_bytes(self) -> int:
        """What all of them take in the object store."""
        ...

    async def unclaimed(self, object_keys: Sequence[str]) -> AbstractSet[str]:
        """Of these keys, those that no video's bytes lie under."""
        ...

    async def remove(self, video_id: int) -> None:
        """Delete it with everything marked on it.

        Raises:
            VideoInUseError: an unfinished request needs it.
        """
        ...


class Marks(Protocol):
    """Segments and regions marked on videos; the caller has checked access to the video."""

    async def add_segment(self, video_id: int, segment: Segment, label: str | None) -> MarkedSegment:
        """Mark a stretch of time."""
        ...

    async def segments(self, video_id: int) -> Sequence[MarkedSegment]:
        """All of a video, in order of time."""
        ...

    async def segment(self, video_id: int, segment_id: int) -> MarkedSegment:
        """One of a video.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def update_segment(self, marked: MarkedSegment) -> None:
        """Store its new limits and label.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def remove_segment(self, video_id: int, segment_id: int) -> None:
        """Remove one.

        Raises:
            SegmentNotFoundError: the video has no such segment.
        """
        ...

    async def add_region(self, video_id: int, region: Region, label: str | None) -> MarkedRegion:
        """Mark an area."""
        ...

    async def regions(self, video_id: int) -> Sequence[MarkedRegion]:
        """All of a video, oldest first."""
        ...

    async def remove_region(self, video_id: int, region_id: int) -> None:
        """Remove one.

        Raises:
            RegionNotFoundError: the video has no such region.
        """
        ...


class Grants(Protocol):
    """Who else may use a video; the caller has checked that it may share it."""

    async def list(self, video_id: int) -> Sequence[VideoGrant]:
        """All grants on a video."""
        ...

    async def put(self, video_id: int, user_id: int, role: GrantRole) -> VideoGrant:
        """Give or change a grant.

        Raises:
            UserNotFoundError: there is no such account.
        """
        ...

    async def remove(self, video_id: int, user_id: int) -> None:
        """Take a grant back.

        Raises:
            GrantNotFoundError: there is none.
        """
        ...


class Uploads(Protocol):
    """Uploads that go straight into the object store."""

    async def add(self, upload: PendingUpload) -> None:
        """Expect one."""
        ...

    async def get(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """One that is expected.

        Raises:
            UploadNotFoundError: the account has none of that id, or it expired.
        """
        ...

    async def expects(self, object_key: str) -> bool:
        """Whether bytes under that key belong to one that was neither completed nor forgotten."""
        ...

    async def take(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """Stop expecting one, because it is completed; only one caller succeeds.

        Raises:
            UploadNotFoundError: the account has none of that id, or it expired.
        """
        ...

    async def remove_expired(self, now: datetime) -> Sequence[PendingUpload]:
        """Stop expecting what is overdue; returns what that was."""
        ...
