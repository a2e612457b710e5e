"""Postgres repositories of videos, grants and pending uploads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from framecloak.adapters.postgres.connection import Connection, Record, searchable_id, searchable_text
from framecloak.adapters.postgres.rows.video_lists import matching, ordering, video_state
from framecloak.adapters.postgres.tables.accounts import UserRow
from framecloak.adapters.postgres.tables.videos import FrameIndexRow, GrantRow, UploadRow, VideoRow
from framecloak.domain.errors import (
    ForbiddenError,
    GrantNotFoundError,
    UploadNotFoundError,
    UserNotFoundError,
    VideoInUseError,
    VideoNotFoundError,
)
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.videos import (
    GrantRole,
    PendingUpload,
    Video,
    VideoFacts,
    VideoFilter,
    VideoGrant,
    VideoOrder,
    VideoState,
)
from framecloak.domain.ports.database import Page

_VIDEO = (
    VideoRow.id,
    VideoRow.owner_id,
    VideoRow.filename,
    VideoRow.object_key,
    VideoRow.created_at,
    VideoRow.sha256,
    VideoRow.size_bytes,
    VideoRow.width,
    VideoRow.height,
    VideoRow.frame_rate,
    VideoRow.frame_count,
    VideoRow.duration,
    VideoRow.rotation,
)
_DESCRIPTION = (VideoRow.title, VideoRow.tags)
_UPLOAD = (
    UploadRow.id,
    UploadRow.owner_id,
    UploadRow.filename,
    UploadRow.object_key,
    UploadRow.expires_at,
)


class PostgresVideoRepository:
    """Postgres repository of stored videos; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, owner_id: int, filename: str, object_key: str, facts: VideoFacts, frame_index: bytes
    ) -> Video:
        """See the port."""
        values = {"owner_id": owner_id, "filename": filename, "object_key": object_key, **asdict(facts)}
        statement = insert(VideoRow).values(values).returning(*_VIDEO)
        video = _video((await self._connection.execute(statement)).one())
        await self._connection.execute(insert(FrameIndexRow).values(video_id=video.id, content=frame_index))
        return video

    async def get(self, video_id: int, principal: Principal, required_role: GrantRole) -> Video:
        """See the port."""
        statement = (
            select(GrantRow.role, video_state(principal), *_DESCRIPTION, *_VIDEO)
            .select_from(VideoRow)
            .outerjoin(GrantRow, _is_grant_to(principal))
            .where(VideoRow.id == searchable_id(video_id), _is_visible_to(principal))
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            raise VideoNotFoundError(f"there is no video {video_id}")
        video = _video_with_access(row, principal)
        if not video.access.allows(required_role):
            raise ForbiddenError(
                f"the role {video.access} on video {video_id} does not allow this",
                f"ask for {required_role} rights",
            )
        return video

    async def frame_index(self, video_id: int) -> bytes:
        """See the port."""
        statement = select(FrameIndexRow.content).where(FrameIndexRow.video_id == searchable_id(video_id))
        content = (await self._connection.execute(statement)).scalar_one_or_none()
        if content is None:
            raise VideoNotFoundError(f"there is no video {video_id}")
        return bytes(content)

    async def list(
        self,
        principal: Principal,
        limit: int,
        offset: int,
        criteria: VideoFilter | None = None,
        order: VideoOrder = VideoOrder.NEWEST,
    ) -> Page[Video]:
        """See the port."""
        hits = select(VideoRow.id, func.count().over().label("total")).where(
            _is_listed_for(principal), *matching(principal, criteria or VideoFilter())
        )
        # States are computed for the page only, unless they decide which videos are on it.
        page = hits.order_by(*ordering(principal, order)).limit(limit).offset(offset).subquery()
        statement = (
            select(page.c.total, GrantRow.role, video_state(principal), *_DESCRIPTION, *_VIDEO)
            .join(page, page.c.id == VideoRow.id)
            .outerjoin(GrantRow, _is_grant_to(principal))
            .order_by(*ordering(principal, order))
        )
        rows = (await self._connection.execute(statement)).all()
        if not rows and offset:
            counting = select(func.count()).select_from(hits.subquery())
            return Page([], (await self._connection.execute(counting)).scalar_one())
        videos = [_video_with_access(tuple(row)[1:], principal) for row in rows]
        return Page(videos, rows[0].total if rows else 0)

    async def tags(self, principal: Principal) -> Mapping[str, int]:
        """See the port."""
        tag = func.unnest(VideoRow.tags).label("tag")
        visible = select(tag).select_from(VideoRow).where(_is_listed_for(principal)).subquery()
        statement = select(visible.c.tag, func.count()).group_by(visible.c.tag)
        counts = [(tag, count) for tag, count in await self._connection.execute(statement)]
        return dict(sorted(counts, key=lambda entry: (entry[0].casefold(), entry[0])))

    async def describe(self, video_id: int, title: str | None, tags: Sequence[str]) -> None:
        """See the port."""
        statement = update(VideoRow).where(VideoRow.id == searchable_id(video_id))
        await self._connection.execute(statement.values(title=title, tags=list(tags)))

    async def titles(self, video_ids: Collection[int]) -> Mapping[int, str]:
        """See the port."""
        statement = select(VideoRow.id, VideoRow.title).where(
            VideoRow.id.in_(video_ids), VideoRow.title.is_not(None)
        )
        rows = await self._connection.execute(statement)
        return {row.id: row.title for row in rows}

    async def stored_bytes(self) -> int:
        """See the port."""
        statement = select(func.coalesce(func.sum(VideoRow.size_bytes), 0))
        return int((await self._connection.execute(statement)).scalar_one())

    async def unreferenced_keys(self, object_keys: Sequence[str]) -> AbstractSet[str]:
        """See the port."""
        names = [searchable_text(key) for key in object_keys]
        statement = select(VideoRow.object_key).where(VideoRow.object_key.in_(names))
        return {*object_keys} - {*(await self._connection.execute(statement)).scalars()}

    async def remove(self, video_id: int) -> None:
        """See the port."""
        in_use = VideoInUseError(
            f"an unfinished request needs video {video_id}", "wait for its end or cancel it"
        )
        statement = delete(VideoRow).where(VideoRow.id == searchable_id(video_id))
        await self._connection.execute(statement, violations={"fk_requests_needed_video_id_videos": in_use})


class PostgresGrantRepository:
    """Postgres repository of grants on videos; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, video_id: int) -> Sequence[VideoGrant]:
        """See the port."""
        statement = (
            select(
                GrantRow.video_id,
                GrantRow.user_id,
                UserRow.username,
                GrantRow.role,
                UserRow.display_name,
                GrantRow.is_named,
            )
            .join(UserRow, UserRow.id == GrantRow.user_id)
            .where(GrantRow.video_id == searchable_id(video_id))
            .order_by(GrantRow.user_id)
        )
        return [_grant(row) for row in await self._connection.execute(statement)]

    async def put(
        self, video_id: int, user_id: int, role: GrantRole, *, is_named: bool = False
    ) -> VideoGrant:
        """See the port."""
        account = select(UserRow.username, UserRow.display_name).where(UserRow.id == searchable_id(user_id))
        names = (await self._connection.execute(account)).one_or_none()
        if names is None:
            raise UserNotFoundError(f"there is no account {user_id}")
        statement = upsert(GrantRow).values(video_id=video_id, user_id=user_id, role=role, is_named=is_named)
        statement = statement.on_conflict_do_update(
            index_elements=[GrantRow.video_id, GrantRow.user_id],
            set_={"role": role} | ({"is_named": True} if is_named else {}),
        )
        gone = VideoNotFoundError(f"there is no video {video_id}")
        stored = await self._connection.execute(
            statement.returning(GrantRow.is_named), violations={"fk_grants_video_id_videos": gone}
        )
        username, display_name = names
        return VideoGrant(video_id, user_id, username, role, display_name, stored.scalar_one())

    async def remove(self, video_id: int, user_id: int) -> None:
        """See the port."""
        statement = delete(GrantRow).where(
            GrantRow.video_id == searchable_id(video_id), GrantRow.user_id == searchable_id(user_id)
        )
        if not (await self._connection.execute(statement)).rowcount:
            raise GrantNotFoundError(f"account {user_id} has no grant on video {video_id}")


class PostgresUploadRepository:
    """Postgres repository of pending uploads; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, upload: PendingUpload) -> None:
        """See the port."""
        await self._connection.execute(insert(UploadRow).values(asdict(upload)))

    async def get(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """See the port."""
        statement = select(*_UPLOAD).where(_is_valid_upload(upload_id, owner_id, now))
        return _upload(upload_id, (await self._connection.execute(statement)).one_or_none())

    async def is_pending(self, object_key: str) -> bool:
        """See the port."""
        statement = select(UploadRow.id).where(UploadRow.object_key == searchable_text(object_key))
        return (await self._connection.execute(statement)).one_or_none() is not None

    async def claim(self, upload_id: str, owner_id: int, now: datetime) -> PendingUpload:
        """See the port."""
        statement = delete(UploadRow).where(_is_valid_upload(upload_id, owner_id, now)).returning(*_UPLOAD)
        return _upload(upload_id, (await self._connection.execute(statement)).one_or_none())

    async def remove_expired(self, now: datetime) -> Sequence[PendingUpload]:
        """See the port."""
        statement = delete(UploadRow).where(UploadRow.expires_at <= now).returning(*_UPLOAD)
        return [PendingUpload(*row) for row in await self._connection.execute(statement)]


def _is_grant_to(principal: Principal) -> ColumnElement[bool]:
    return and_(GrantRow.video_id == VideoRow.id, GrantRow.user_id == principal.user_id)


def _is_visible_to(principal: Principal) -> ColumnElement[bool]:
    """Return the condition for videos, joined with any grant to the caller, that the caller may see."""
    if principal.is_admin:
        return literal(True)
    return or_(VideoRow.owner_id == principal.user_id, GrantRow.user_id.is_not(None))


def _is_listed_for(principal: Principal) -> ColumnElement[bool]:
    """Return the condition for videos that the caller may see, without a join.

    Where states decide which videos are listed, Postgres expects few hits, and compared each of many with
    every grant.
    """
    if principal.is_admin:
        return literal(True)
    shared = select(GrantRow.video_id).where(GrantRow.user_id == principal.user_id)
    return or_(VideoRow.owner_id == principal.user_id, VideoRow.id.in_(shared))


def _video(row: Record | tuple[Any, ...]) -> Video:
    video_id, owner_id, filename, object_key, created_at, *facts = row
    return Video(video_id, owner_id, filename, object_key, VideoFacts(*facts), created_at)


def _video_with_access(row: Record | tuple[Any, ...], principal: Principal) -> Video:
    """Return the video in a row that begins with granted role or null, state, title and tags."""
    role, state, title, tags, *rest = row
    video = replace(_video(tuple(rest)), state=VideoState(state), title=title, tags=tuple(tags))
    if principal.is_admin or video.owner_id == principal.user_id:
        return video
    return replace(video, access=GrantRole(role))


def _grant(row: Record) -> VideoGrant:
    video_id, user_id, username, role, display_name, is_named = row
    return VideoGrant(video_id, user_id, username, GrantRole(role), display_name, is_named)


def _is_valid_upload(upload_id: str, owner_id: int, now: datetime) -> ColumnElement[bool]:
    return and_(
        UploadRow.id == searchable_text(upload_id), UploadRow.owner_id == owner_id, UploadRow.expires_at > now
    )


def _upload(upload_id: str, row: Record | None) -> PendingUpload:
    if row is None:
        raise UploadNotFoundError(f"there is no upload {upload_id}", "ask for a new one")
    return PendingUpload(*row)
