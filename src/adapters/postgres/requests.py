"""Requests and the right to fetch their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.connection import Connection, Record
from adapters.postgres.tables import DownloadTokenRow, RequestRow
from domain.accounts import Principal
from domain.anonymization.lifecycle import AnonymizationRequest, DownloadToken, Order, Priority, Status
from domain.anonymization.request import Appearance, Level, OutputFormat, RedactionShape, RedactionStyle
from domain.errors import (
    IdempotencyConflictError,
    RequestNotFoundError,
    TokenExpiredError,
    TokenNotFoundError,
    TokenUsedError,
    VideoNotFoundError,
)
from domain.ports.persistence import Page, RequestFilter

_ORDER = (
    RequestRow.video_id,
    RequestRow.segment_ids,
    RequestRow.level,
    RequestRow.output_format,
    RequestRow.quality,
    RequestRow.style,
    RequestRow.shape,
    RequestRow.priority,
    RequestRow.webhook_url,
)
_STATE = (
    RequestRow.id,
    RequestRow.user_id,
    RequestRow.status,
    RequestRow.total_frames,
    RequestRow.processed_frames,
    RequestRow.blanked_frames,
    RequestRow.created_at,
    RequestRow.started_at,
    RequestRow.completed_at,
    RequestRow.error,
    RequestRow.result_key,
    RequestRow.result_bytes,
)
_REQUEST = (*_ORDER, *_STATE)
_IS_UNFINISHED = RequestRow.completed_at.is_(None)
# Built once: whoever waits for a result asks this again and again.
_VISIBLE_BY_ID: Select[*tuple[Any, ...]] = select(*_REQUEST).where(
    RequestRow.id == bindparam("request_id"),
    or_(bindparam("is_admin", type_=Boolean), RequestRow.user_id == bindparam("user_id")),
)


class Requests:
    """Requests for anonymised frames; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, user_id: int, order: Order, total_frames: int, idempotency: tuple[str, bytes] | None
    ) -> tuple[AnonymizationRequest, bool]:
        """See the port."""
        key, digest = idempotency or (None, None)
        values = {
            "id": uuid4(),
            "user_id": user_id,
            "video_id": order.video_id,
            "segment_ids": list(order.segment_ids),
            "level": order.level,
            "output_format": order.appearance.output_format,
            "quality": order.appearance.quality,
            "style": order.appearance.style,
            "shape": order.appearance.shape,
            "priority": order.priority,
            "webhook_url": order.webhook_url,
            "idempotency_key": key,
            "order_digest": digest,
            "status": Status.PENDING,
            "total_frames": total_frames,
        }
        # Of many callers with the same key one inserts; the others wait for its end and find its row.
        statement = (
            insert(RequestRow)
            .values(values)
            .on_conflict_do_nothing(constraint="uq_requests_idempotency_key")
            .returning(*_REQUEST)
        )
        gone = VideoNotFoundError(f"there is no video {order.video_id}")
        added = await self._connection.execute(
            statement, violations={"fk_requests_needed_video_id_videos": gone}
        )
        row = added.one_or_none()
        if row is not None:
            return _request(row), True
        return await self._earlier(user_id, key, digest), False

    async def _earlier(self, user_id: int, key: str | None, digest: bytes | None) -> AnonymizationRequest:
        statement = select(*_REQUEST, RequestRow.order_digest).where(
            RequestRow.user_id == user_id, RequestRow.idempotency_key == key
        )
        *request, earlier_digest = (await self._connection.execute(statement)).one()
        if earlier_digest != digest:
            raise IdempotencyConflictError(
                "the idempotency key was used with a different order", "use a new key for a new order"
            )
        return _request(request)

    async def get(self, request_id: UUID, principal: Principal) -> AnonymizationRequest:
        """See the port."""
        parameters = {
            "request_id": request_id,
            "is_admin": principal.is_admin,
            "user_id": principal.user_id,
        }
        row = (await self._connection.execute(_VISIBLE_BY_ID, parameters)).one_or_none()
        if row is None:
            raise RequestNotFoundError(f"there is no request {request_id}")
        return _request(row)

    async def list(
        self, principal: Principal, wanted: RequestFilter, limit: int, offset: int
    ) -> Page[AnonymizationRequest]:
        """See the port."""
        conditions = _conditions(principal, wanted)
        statement = (
            select(*_REQUEST)
            .where(*conditions)
            .order_by(RequestRow.created_at.desc(), RequestRow.id)
            .limit(limit)
            .offset(offset)
        )
        rows = (await self._connection.execute(statement)).all()
        counting = select(func.count()).select_from(RequestRow).where(*conditions)
        total = (await self._connection.execute(counting)).scalar_one()
        return Page([_request(row) for row in rows], total)

    async def claim(self, request_id: UUID, now: datetime) -> AnonymizationRequest | None:
        """See the port."""
        statement = (
            update(RequestRow)
            .where(RequestRow.id == request_id, RequestRow.status == Status.PENDING)
            .values(status=Status.PROCESSING, started_at=now)
            .returning(*_REQUEST)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        return _request(row) if row else None

    async def release(self, request_id: UUID) -> None:
        """See the port."""
        statement = (
            update(RequestRow)
            .where(RequestRow.id == request_id, RequestRow.status == Status.PROCESSING)
            .values(status=Status.PENDING, started_at=None, processed_frames=0)
        )
        await self._connection.execute(statement)

    async def advance(self, request_id: UUID, processed_frames: int) -> Status:
        """See the port."""
        # One statement for both questions, so that no cancellation slips in between.
        done = func.greatest(RequestRow.processed_frames, processed_frames)
        is_in_work = RequestRow.status == Status.PROCESSING
        statement = (
            update(RequestRow)
            .where(RequestRow.id == request_id)
            .values(processed_frames=case((is_in_work, done), else_=RequestRow.processed_frames))
            .returning(RequestRow.status)
        )
        status = (await self._connection.execute(statement)).scalar_one_or_none()
        if status is None:
            raise RequestNotFoundError(f"there is no request {request_id}")
        return Status(status)

    async def finish(
        self,
        request_id: UUID,
        status: Status,
        now: datetime,
        *,
        blanked_frames: int = 0,
        result: tuple[str, int] | None = None,
        error: str | None = None,
    ) -> bool:
        """See the port."""
        key, size = result or (None, None)
        completed = status is Status.COMPLETED
        changes = {
            "status": status,
            "completed_at": now,
            "processed_frames": RequestRow.total_frames if completed else RequestRow.processed_frames,
            "blanked_frames": blanked_frames,
            "result_key": key,
            "result_bytes": size,
            "error": error,
        }
        statement = update(RequestRow).where(RequestRow.id == request_id, _IS_UNFINISHED).values(changes)
        finished = await self._connection.execute(statement.returning(RequestRow.id))
        return finished.one_or_none() is not None

    async def withdraw(self, request_id: UUID) -> None:
        """See the port."""
        is_untouched = RequestRow.status == Status.PENDING
        await self._connection.execute(delete(RequestRow).where(RequestRow.id == request_id, is_untouched))

    async def counts(self) -> Mapping[Status, int]:
        """See the port."""
        statement = select(RequestRow.status, func.count()).group_by(RequestRow.status)
        rows = await self._connection.execute(statement)
        return dict.fromkeys(Status, 0) | {Status(status): count for status, count in rows}

    async def rates(self, last: int) -> Sequence[tuple[int, float]]:
        """See the port."""
        statement = (
            select(RequestRow.total_frames, RequestRow.completed_at - RequestRow.started_at)
            .where(RequestRow.status == Status.COMPLETED, RequestRow.started_at.is_not(None))
            .order_by(RequestRow.completed_at.desc())
            .limit(last)
        )
        rows = await self._connection.execute(statement)
        return [(frames, took.total_seconds()) for frames, took in rows]

    async def frames_waiting(self) -> int:
        """See the port."""
        left = func.sum(RequestRow.total_frames - RequestRow.processed_frames)
        statement = select(func.coalesce(left, 0)).where(_IS_UNFINISHED)
        return int((await self._connection.execute(statement)).scalar_one())

    async def unfinished(self) -> Sequence[tuple[UUID, Order, Status]]:
        """See the port."""
        statement = (
            select(*_ORDER, RequestRow.id, RequestRow.status)
            .where(_IS_UNFINISHED)
            .order_by(RequestRow.created_at, RequestRow.id)
        )
        rows = await self._connection.execute(statement)
        return [(request_id, _order(order), Status(status)) for *order, request_id, status in rows]

    async def results_older_than(self, moment: datetime) -> Sequence[tuple[UUID, str]]:
        """See the port."""
        is_old = and_(RequestRow.status == Status.COMPLETED, RequestRow.completed_at < moment)
        statement = select(RequestRow.id, RequestRow.result_key).where(
            is_old, RequestRow.result_key.is_not(None)
        )
        return [(request_id, key) for request_id, key in await self._connection.execute(statement)]

    async def forget_result(self, request_id: UUID) -> None:
        """See the port."""
        nothing = {"result_key": None, "result_bytes": None}
        await self._connection.execute(update(RequestRow).where(RequestRow.id == request_id).values(nothing))


class DownloadTokens:
    """Rights to fetch a result once; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, token: DownloadToken) -> None:
        """See the port."""
        values = {
            "digest": token.digest,
            "request_id": token.request_id,
            "expires_at": token.expires_at,
            "used_at": token.used_at,
        }
        await self._connection.execute(insert(DownloadTokenRow).values(values))

    async def redeem(self, digest: bytes, request_id: UUID, now: datetime) -> AnonymizationRequest:
        """See the port."""
        is_it = and_(DownloadTokenRow.digest == digest, DownloadTokenRow.request_id == request_id)
        # Callers wait for each other at the row; all but the first find it used.
        statement = (
            update(DownloadTokenRow)
            .where(
                is_it,
                RequestRow.id == DownloadTokenRow.request_id,
                DownloadTokenRow.used_at.is_(None),
                DownloadTokenRow.expires_at > now,
            )
            .values(used_at=now)
            .returning(*_REQUEST)
        )
        row = (await self._connection.execute(statement)).one_or_none()
        if row is not None:
            return _request(row)
        reason = select(DownloadTokenRow.used_at).where(is_it)
        token = (await self._connection.execute(reason)).one_or_none()
        if token is None:
            raise TokenNotFoundError("there is no such download link", "ask for a new one")
        if token.used_at is not None:
            raise TokenUsedError("the download link was used already", "ask for a new one")
        raise TokenExpiredError("the download link has expired", "ask for a new one")

    async def remove_spent(self, now: datetime) -> int:
        """See the port."""
        is_spent = or_(DownloadTokenRow.used_at.is_not(None), DownloadTokenRow.expires_at <= now)
        return (await self._connection.execute(delete(DownloadTokenRow).where(is_spent))).rowcount


def _conditions(principal: Principal, wanted: RequestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not principal.is_admin:
        conditions.append(RequestRow.user_id == principal.user_id)
    if wanted.video_id is not None:
        conditions.append(RequestRow.video_id == wanted.video_id)
    if wanted.status is not None:
        conditions.append(RequestRow.status == wanted.status)
    return conditions


def _order(columns: Sequence[Any]) -> Order:
    video_id, segment_ids, level, output_format, quality, style, shape, priority, webhook_url = columns
    appearance = Appearance(
        OutputFormat(output_format), quality, RedactionStyle(style), RedactionShape(shape)
    )
    return Order(video_id, tuple(segment_ids), Level(level), appearance, Priority(priority), webhook_url)


def _request(row: Record | Sequence[Any]) -> AnonymizationRequest:
    order = _order(row[: len(_ORDER)])
    request_id, user_id, status, *rest = row[len(_ORDER) :]
    return AnonymizationRequest(request_id, user_id, order, Status(status), *rest)
