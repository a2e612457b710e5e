"""Videos, marks, grants and uploads in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any

from fakes.persistence.tables import Transaction
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Status
from framecloak.domain.errors import (
    ForbiddenError,
    GrantNotFoundError,
    RegionNotFoundError,
    SegmentNotFoundError,
    UploadNotFoundError,
    UserNotFoundError,
    VideoInUseError,
    VideoNotFoundError,
)
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
    VideoState,
)
from framecloak.domain.ports.database import Page


class FakeVideoRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, owner_id: int, filename: str, object_key: str, facts: VideoFacts, frame_index: bytes
    ) -> Video:
        rows = await self._tx.write()
        video_id = self._tx.store.new_id()
        rows.videos[video_id] = Video(video_id, owner_id, filename, object_key, facts, self._tx.store.now())
        rows.frame_indexes[video_id] = frame_index
        return rows.videos[video_id]

    async def get(self, video_id: int, principal: Principal, required_role: GrantRole) -> Video:
        video = self._tx.rows.videos.get(video_id)
        role = self._role(video, principal) if video else None
        if video is None or role is None:
            raise VideoNotFoundError(f"there is no video {video_id}")
        if not role.allows(required_role):
            raise ForbiddenError(
                f"the role {role} on video {video_id} does not allow this", f"ask for {required_role} rights"
            )
        return self._seen_by(principal, video, role)

    async def frame_index(self, video_id: int) -> bytes:
        if video_id not in self._tx.rows.frame_indexes:
            raise VideoNotFoundError(f"there is no video {video_id}")
        return self._tx.rows.frame_indexes[video_id]

    async def list(
        self,
        principal: Principal,
        limit: int,
        offset: int,
        criteria: VideoFilter | None = None,
        order: VideoOrder = VideoOrder.NEWEST,
    ) -> Page[Video]:
        videos = [
            self._seen_by(principal, video, role)
            for video in reversed(self._tx.rows.videos.values())
            if (role := self._role(video, principal))
        ]
        wanted = criteria or VideoFilter()
        found = [video for video in videos if self._matches(video, wanted, principal)]
        keys: dict[VideoOrder, Callable[[Video], Any]] = {
            VideoOrder.NEWEST: lambda video: -video.id,
            VideoOrder.OLDEST: lambda video: video.id,
            VideoOrder.NAME: lambda video: (video.name.lower(), -video.id),
            VideoOrder.LONGEST: lambda video: (-video.facts.duration, -video.id),
            VideoOrder.STATE: lambda video: (list(VideoState).index(video.state), -video.id),
        }
        found.sort(key=keys[order])
        return Page(found[offset : offset + limit], len(found))

    async def tags(self, principal: Principal) -> Mapping[str, int]:
        videos = [video for video in self._tx.rows.videos.values() if self._role(video, principal)]
        counts = Counter(tag for video in videos for tag in video.tags)
        return dict(sorted(counts.items(), key=lambda entry: (entry[0].casefold(), entry[0])))

    async def describe(self, video_id: int, title: str | None, tags: Sequence[str]) -> None:
        rows = await self._tx.write()
        if video := rows.videos.get(video_id):
            rows.videos[video_id] = replace(video, title=title, tags=tuple(tags))

    def _requests(self, video: Video, principal: Principal) -> Sequence[AnonymizationRequest]:
        return [
            each
            for each in self._tx.rows.requests.values()
            if each.spec.video_id == video.id and (principal.is_admin or each.user_id == principal.user_id)
        ]

    def _seen_by(self, principal: Principal, video: Video, role: GrantRole) -> Video:
        rows = self._tx.rows
        requests = [each for each in self._requests(video, principal) if each.status is not Status.CANCELLED]
        state = VideoState.NEW
        if requests:
            ended = {Status.COMPLETED: VideoState.READY, Status.FAILED: VideoState.FAILED}
            state = ended.get(requests[-1].status, VideoState.ORDERED)
            state = VideoState.RELEASED if requests[-1].released_at else state
        elif any(each.video_id == video.id for each in [*rows.segments.values(), *rows.regions.values()]):
            state = VideoState.MARKED
        return replace(video, access=role, state=state)

    def _matches(self, video: Video, wanted: VideoFilter, principal: Principal) -> bool:
        references = [each.spec.reference or "" for each in self._requests(video, principal)]
        texts = [video.title or "", video.filename, ",".join(video.tags), *references]
        return (
            all(any(word.lower() in text.lower() for text in texts) for word in (wanted.search or "").split())
            and (wanted.tag is None or wanted.tag.lower() in [tag.lower() for tag in video.tags])
            and wanted.state in {None, video.state}
        )

    async def titles(self, video_ids: Collection[int]) -> Mapping[int, str]:
        videos = (self._tx.rows.videos.get(video_id) for video_id in video_ids)
        return {video.id: video.title for video in videos if video and video.title is not None}

    async def stored_bytes(self) -> int:
        return sum(video.facts.size_bytes for video in self._tx.rows.videos.values())

    async def unreferenced_keys(self, object_keys: Sequence[str]) -> AbstractSet[str]:
        return {*object_keys} - {video.object_key for video in self._tx.rows.videos.values()}

    async def remove(self, video_id: int) -> None:
        rows = await self._tx.write()
        requests = rows.requests.values()
        if any(each.spec.video_id == video_id and not each.status.is_final for each in requests):
            raise VideoInUseError(
                f"an unfinished request needs video {video_id}", "wait for its end or cancel it"
            )
        rows.videos.pop(video_id, None)
        rows.frame_indexes.pop(video_id, None)
        rows.segments = {key: each for key, each in rows.segments.items() if each.video_id != video_id}
        rows.regions = {key: each for key, each in rows.regions.items() if each.video_id != video_id}
        rows.grants = {key: role for key, role in rows.grants.items() if key[0] != video_id}

    def _role(self, video: Video, principal: Principal) -> GrantRole | None:
        if principal.is_admin or video.owner_id == principal.user_id:
            return GrantRole.OWNER
        return self._tx.rows.grants.get((video.id, principal.user_id))


class FakeMarkRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add_segment(self, video_id: int, segment: Segment, label: str | None) -> MarkedSegment:
        rows = await self._tx.write()
        marked = MarkedSegment(self._tx.store.new_id(), video_id, segment, label)
        rows.segments[marked.id] = marked
        return marked

    async def segments(self, video_id: int) -> Sequence[MarkedSegment]:
        found = [each for each in self._tx.rows.segments.values() if each.video_id == video_id]
        return sorted(found, key=lambda each: (each.segment, each.id))

    async def segment(self, video_id: int, segment_id: int) -> MarkedSegment:
        marked = self._tx.rows.segments.get(segment_id)
        if marked is None or marked.video_id != video_id:
            raise SegmentNotFoundError(f"video {video_id} has no segment {segment_id}")
        return marked

    async def update_segment(self, marked: MarkedSegment) -> None:
        rows = await self._tx.write()
        stored = await self.segment(marked.video_id, marked.id)
        rows.segments[marked.id] = replace(stored, segment=marked.segment, label=marked.label)

    async def remove_segment(self, video_id: int, segment_id: int) -> None:
        rows = await self._tx.write()
        await self.segment(video_id, segment_id)
        del rows.segments[segment_id]

    async def add_region(self, video_id: int, region: Region, label: str | None) -> MarkedRegion:
        rows = await self._tx.write()
        marked = MarkedRegion(self._tx.store.new_id(), video_id, region, label)
        rows.regions[marked.id] = marked
        return marked

    async def regions(self, video_id: int) -> Sequence[MarkedRegion]:
        return [each for each in self._tx.rows.regions.values() if each.video_id == video_id]

    async def remove_region(self, video_id: int, region_id: int) -> None:
        rows = await self._tx.write()
        marked = rows.regions.get(region_id)
        if marked is None or marked.video_id != video_id:
            raise RegionNotFoundError(f"video {video_id} has no region {region_id}")
        del rows.regions[region_id]


class FakeGrantRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def list(self, video_id: int) -> Sequence[VideoGrant]:
        grants = sorted(self._tx.rows.grants.items())
        return [self._grant(*key, role) for key, role in grants if key[0] == video_id]

    async def put(
        self, video_id: int, user_id: int, role: GrantRole, *, is_named: bool = False
    ) -> VideoGrant:
        rows = await self._tx.write()
        if user_id not in rows.users:
            raise UserNotFoundError(f"there is no account {user_id}")
        rows.grants[video_id, user_id] = role
        if is_named:
            rows.named_grants[video_id, user_id] = True
        return self._grant(video_id, user_id, role)

    async def remove(self, video_id: int, user_id: int) -> None:
        rows = await self._tx.write()
        rows.named_grants.pop((video_id, user_id), None)
        if rows.grants.pop((video_id, user_id), None) is None:
            raise GrantNotFoundError(f"account {user_id} has no grant on video {video_id}")

    def _grant(self, video_id: int, user_id: int, role: GrantRole) -> VideoGrant:
        user, is_named = self._tx.rows.users[user_id], (video_id, user_id) in self._tx.rows.named_grants
        return VideoGrant(video_id, user_id, user.username, role, user.display_name, is_named)


class FakeUploadRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(self, upload: PendingUpload) -> None:
        rows = await self._tx.write()
        rows.uploads[upload.id] = upload

    async def get(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        upload = self._tx.rows.uploads.get(upload_id)
        if upload is None or upload.owner_id != owner_id or upload.expires_at <= now:
            raise UploadNotFoundError(f"there is no upload {upload_id}", "ask for a new one")
        return upload

    async def is_pending(self, object_key: str) -> bool:
        return any(upload.object_key == object_key for upload in self._tx.rows.uploads.values())

    async def claim(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        rows = await self._tx.write()
        await self.get(upload_id, owner_id, now)
        return rows.uploads.pop(upload_id)

    async def remove_expired(self, now: datetime) -> Sequence[PendingUpload]:
        rows = await self._tx.write()
        expired = [upload for upload in rows.uploads.values() if upload.expires_at <= now]
        for upload in expired:
            del rows.uploads[upload.id]
        return expired
