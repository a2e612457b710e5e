"""Postgres repository of anonymisation requests."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from framecloak.adapters.postgres.connection import Connection, searchable_id, searchable_text
from framecloak.adapters.postgres.repositories.webhooks import PostgresNoticeRepository
from framecloak.adapters.postgres.rows import snapshots
from framecloak.adapters.postgres.rows.requests import (
    REQUEST_COLUMNS,
    identity_values,
    region_values,
    request_from_row,
)
from framecloak.adapters.postgres.tables.accounts import UserRow
from framecloak.adapters.postgres.tables.releases import SeenFrameRow
from framecloak.adapters.postgres.tables.requests import RequestBoxesRow, RequestRow, RequestTextListsRow
from framecloak.adapters.postgres.tables.slices import SliceRow
from framecloak.adapters.postgres.tables.videos import GrantRow, VideoRow
from framecloak.domain.anonymization.model.request import (
    AnonymizationRequest,
    Priority,
    RequestSpec,
    Status,
    StoredResult,
    WorkSpec,
)
from framecloak.domain.errors import IdempotencyConflictError, RequestNotFoundError, VideoNotFoundError
from framecloak.domain.imaging.pixel_aspect import format_aspect
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.database import Page, RequestFilter

_IS_UNFINISHED = RequestRow.completed_at.is_(None)


def _is_video_visible(user_id: BindParameter[int] | int) -> ColumnElement[bool]:
    """Return the condition for requests for a video that an account owns, or that is shared with it."""
    owned = select(VideoRow.id).where(VideoRow.id == RequestRow.video_id, VideoRow.owner_id == user_id)
    shared = select(GrantRow.video_id).where(
        GrantRow.video_id == RequestRow.video_id, GrantRow.user_id == user_id
    )
    return or_(owned.exists(), shared.exists())


# Built once, because it runs for every poll of a client that waits for a result.
_VISIBLE_BY_ID: Select[*tuple[Any, ...]] = select(*REQUEST_COLUMNS).where(
    RequestRow.id == bindparam("request_id"),
    or_(bindparam("is_admin", type_=Boolean), RequestRow.user_id == bindparam("user_id")),
)
_REVIEWABLE_BY_ID: Select[*tuple[Any, ...]] = select(*REQUEST_COLUMNS).where(
    RequestRow.id == bindparam("request_id"),
    or_(
        bindparam("is_admin", type_=Boolean),
        RequestRow.user_id == bindparam("user_id"),
        _is_video_visible(bindparam("user_id")),
    ),
)


class PostgresRequestRepository:
    """Postgres repository of anonymisation requests; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, user_id: int, spec: RequestSpec, snapshot: WorkSpec, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        """See the port."""
        key, digest = idempotency or (None, None)
        values = {
            "id": uuid4(),
            "user_id": user_id,
            "video_id": spec.video_id,
            "segment_ids": list(spec.segment_ids),
            "level": spec.level,
            "output_format": spec.appearance.output_format,
            "quality": spec.appearance.quality,
            "style": spec.appearance.style,
            "shape": spec.appearance.shape,
            "audio": spec.appearance.audio,
            "language": spec.appearance.language,
            "verify": spec.verify,
            "priority": spec.priority,
            "webhook_url": spec.webhook_url,
            "keep_text": [region_values(region) for region in spec.keep_text],
            "pixel_aspect": format_aspect(spec.pixel_aspect) if spec.pixel_aspect else None,
            "reference": spec.reference,
            "text_mode": spec.text.mode,
            "text_keep": sorted(spec.text.keep),
            "text_names": spec.text.names,
            "text_patterns": spec.text.patterns,
            "based_on_request_id": spec.based_on.request_id if spec.based_on else None,
            "based_on_manifest": spec.based_on.manifest_sha256 if spec.based_on else None,
            "based_on_signature": spec.based_on.signature if spec.based_on else None,
            "edited_here": spec.based_on is not None and spec.based_on.edited_here,
            "idempotency_key": key,
            "order_digest": digest,
            "status": Status.PENDING,
            "total_frames": snapshot.frame_count,
            **identity_values(spec.identities, snapshot.people),
        }
        # Of concurrent callers with one key, one inserts; the others wait for its commit and find its row.
        statement = (
            insert(RequestRow)
            .values(values)
            .on_conflict_do_nothing(constraint="uq_requests_idempotency_key")
            .returning(*REQUEST_COLUMNS)
        )
        gone = VideoNotFoundError(f"there is no video {spec.video_id}")
        while True:
            added = await self._connection.execute(
                statement, violations={"fk_requests_needed_video_id_videos": gone}
            )
            row = added.one_or_none()
            if row is not None:
                request = request_from_row(row)
                await snapshots.add(self._connection, request.id, snapshot)
                return request, True
            # Only a row with the same key conflicts. It may vanish before it is read, hence the loop.
            earlier = await self.find_by_idempotency_key(user_id, idempotency) if idempotency else None
            if earlier is not None:
                return earlier, False

    async def find_by_idempotency_key(
        self, user_id: int, idempotency: tuple[str, bytes]
    ) -> AnonymizationRequest | None:
        """See the port."""
        key, digest = idempotency
        statement = select(*REQUEST_COLUMNS, RequestRow.order_digest).where(
            RequestRow.user_id == user_id, RequestRow.idempotency_key == key
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is None:
            return None
        *request, earlier_digest = row
        if earlier_digest != digest:
            raise IdempotencyConflictError(
                "the idempotency key was used for a different request", "use a new key for a new request"
            )
        return request_from_row(request)

    async def high_priority_frames(self, user_id: int, period: timedelta) -> int:
        """See the port."""
        locking = select(UserRow.id).where(UserRow.id == user_id).with_for_update(key_share=True)
        await self._connection.execute(locking)
        statement = select(func.coalesce(func.sum(RequestRow.total_frames), 0)).where(
            RequestRow.user_id == user_id,
            RequestRow.created_at > func.clock_timestamp() - period,
            RequestRow.priority == Priority.HIGH,
        )
        return int((await self._connection.execute(statement)).scalar_one())

    async def snapshot(self, request_id: UUID) -> WorkSpec:
        """See the port."""
        return await snapshots.get(self._connection, request_id)

    async def get(
        self, request_id: UUID, principal: Principal, *, for_review: bool = False
    ) -> AnonymizationRequest:
        """See the port."""
        statement = _REVIEWABLE_BY_ID if for_review else _VISIBLE_BY_ID
        parameters = {
            "request_id": request_id,
            "is_admin": principal.is_admin,
            "user_id": principal.user_id,
        }
        row = (await self._connection.execute(statement, parameters)).one_or_none()
        if row is None:
            raise RequestNotFoundError(f"there is no request {request_id}")
        return request_from_row(row)

    async def list(
        self, principal: Principal, criteria: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """See the port."""
        conditions = _conditions(principal, criteria)
        statement = (
            select(*REQUEST_COLUMNS)
            .where(*conditions)
            .order_by(RequestRow.created_at.desc(), RequestRow.id)
            .limit(limit)
            .offset(offset)
        )
        rows = (await self._connection.execute(statement)).all()
        counting = select(func.count()).select_from(RequestRow).where(*conditions)
        total = (await self._connection.execute(counting)).scalar_one()
        return Page([request_from_row(row) for row in rows], total)

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        """See the port."""
        statement = (
            update(RequestRow)
            .where(RequestRow.id == request_id, RequestRow.status == Status.PENDING)
            .values(status=Status.PROCESSING, admitted_at=now, started_at=now)
            .returning(*REQUEST_COLUMNS)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return request_from_row(row) if row else None

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: StoredResult | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> bool:
        """See the port."""
        completed = status is Status.COMPLETED
        changes = {
            "status": status,
            "completed_at": now,
            "processed_frames": RequestRow.total_frames if completed else RequestRow.processed_frames,
            "blanked_frames": blanked_frames,
            "result_key": result.key if result else None,
            "result_bytes": result.size_bytes if result else None,
            "result_sha256": result.sha256 if result else None,
            "error": error,
            "error_code": error_code,
        }
        statement = update(RequestRow).where(RequestRow.id == request_id, _IS_UNFINISHED).values(changes)
        finished = await self._connection.execute(statement.returning(RequestRow.webhook_url))
        row = finished.one_or_none()
        if row is None:
            return False
        for table in (SliceRow, RequestBoxesRow, RequestTextListsRow):
            await self._connection.execute(delete(table).where(table.request_id == request_id))
        if row.webhook_url is not None:
            await PostgresNoticeRepository(self._connection).add(request_id, row.webhook_url, now)
        return True

    async def results_completed_before(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        """See the port."""
        is_old = and_(RequestRow.status == Status.COMPLETED, RequestRow.completed_at < moment)
        statement = select(RequestRow.id, RequestRow.result_key).where(
            is_old, RequestRow.result_key.is_not(None)
        )
        return [(request_id, key) for request_id, key in await self._connection.execute(statement)]

    async def without_result(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """See the port."""
        is_needed = or_(_IS_UNFINISHED, RequestRow.result_key.is_not(None))
        statement = select(RequestRow.id).where(RequestRow.id.in_(request_ids), is_needed)
        return {*request_ids} - {*(await self._connection.execute(statement)).scalars()}

    async def finished_or_missing(self, request_ids: Sequence[UUID]) -> AbstractSet[UUID]:
        """See the port."""
        statement = select(RequestRow.id).where(RequestRow.id.in_(request_ids), _IS_UNFINISHED)
        return {*request_ids} - {*(await self._connection.execute(statement)).scalars()}

    async def with_results(self, video_id: int) -> Sequence[AnonymizationRequest]:
        """See the port."""
        statement = (
            select(*REQUEST_COLUMNS)
            .where(RequestRow.video_id == searchable_id(video_id), RequestRow.result_key.is_not(None))
            .order_by(RequestRow.created_at, RequestRow.id)
        )
        return [request_from_row(row) for row in await self._connection.execute(statement)]

    async def clear_result(self, request_id: UUID) -> None:
        """See the port."""
        cleared = {"result_key": None, "result_bytes": None, "result_sha256": None}
        await self._connection.execute(update(RequestRow).where(RequestRow.id == request_id).values(cleared))
        await self._connection.execute(delete(SeenFrameRow).where(SeenFrameRow.request_id == request_id))


def _conditions(principal: Principal, criteria: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not principal.is_admin:
        is_own = RequestRow.user_id == principal.user_id
        is_visible = or_(is_own, _is_video_visible(principal.user_id)) if criteria.for_review else is_own
        conditions.append(is_visible)
    if criteria.is_unreleased:
        conditions += [RequestRow.result_key.is_not(None), RequestRow.released_at.is_(None)]
    if criteria.not_user_id is not None:
        conditions.append(RequestRow.user_id != searchable_id(criteria.not_user_id))
    if criteria.video_id is not None:
        conditions.append(RequestRow.video_id == searchable_id(criteria.video_id))
    if criteria.status is not None:
        conditions.append(RequestRow.status == criteria.status)
    if criteria.user_id is not None:
        conditions.append(RequestRow.user_id == searchable_id(criteria.user_id))
    if criteria.is_render is not None:
        conditions.append(RequestRow.based_on_request_id.is_not(None) == criteria.is_render)
    if criteria.search is not None:
        text = searchable_text(criteria.search)
        is_found = (
            RequestRow.reference.icontains(text, autoescape=True) if text else literal(not criteria.search)
        )
        conditions.append(is_found)
    return conditions
