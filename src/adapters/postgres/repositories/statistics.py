"""Postgres repository of figures over the requests of all accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, or_, select, tuple_

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.videos import VideoRow
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.throughput import (
    REFERENCE_PIXELS,
    Backlog,
    RequestDuration,
    Workload,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import AnonymizationRequest, Priority, Status

_IS_UNFINISHED = RequestRow.completed_at.is_(None)
_WORKLOAD_COLUMNS = (
    RequestRow.level,
    RequestRow.verify,
    RequestRow.output_format,
    RequestRow.based_on_request_id.is_not(None),
    func.coalesce(cast(VideoRow.width, BigInteger) * VideoRow.height, REFERENCE_PIXELS),
)
# The video of an ended request may be deleted.
_WITH_VIDEO = RequestRow.__table__.outerjoin(VideoRow.__table__, VideoRow.id == RequestRow.video_id)


class PostgresStatisticsRepository:
    """Postgres repository of figures over the requests of all accounts; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def counts(self) -> Mapping[Status, int]:
        """See the port."""
        statement = select(RequestRow.status, func.count()).group_by(RequestRow.status)
        rows = await self._connection.execute(statement)
        return dict.fromkeys(Status, 0) | {Status(status): count for status, count in rows}

    async def recent_durations(self, limit: int) -> Sequence[RequestDuration]:
        """See the port."""
        statement = (
            select(
                *_WORKLOAD_COLUMNS, RequestRow.total_frames, RequestRow.started_at, RequestRow.completed_at
            )
            .select_from(_WITH_VIDEO)
            .where(RequestRow.status == Status.COMPLETED, RequestRow.started_at.is_not(None))
            .order_by(RequestRow.completed_at.desc())
            .limit(limit)
        )
        rows = await self._connection.execute(statement)
        return [
            RequestDuration(_workload(*kind), frames, started_at, completed_at)
            for *kind, frames, started_at, completed_at in rows
        ]

    async def backlog(self, until: AnonymizationRequest | None = None) -> Sequence[Backlog]:
        """See the port."""
        left = func.sum(RequestRow.total_frames - RequestRow.processed_frames)
        groups = (RequestRow.user_id, *_WORKLOAD_COLUMNS)
        statement = (
            select(*groups, func.count(), left)
            .select_from(_WITH_VIDEO)
            .where(_IS_UNFINISHED, *([_is_not_after(until)] if until else []))
            .group_by(*groups)
        )
        rows = await self._connection.execute(statement)
        return [
            Backlog(user_id, _workload(*kind), requests, int(frames))
            for user_id, *kind, requests, frames in rows
        ]

    async def oldest_pending_since(self) -> datetime | None:
        """See the port."""
        # The second condition selects the partial index; without it, all requests would be scanned.
        is_waiting = and_(RequestRow.status == Status.PENDING, _IS_UNFINISHED)
        statement = select(func.min(RequestRow.created_at)).where(is_waiting)
        since: datetime | None = (await self._connection.execute(statement)).scalar_one()
        return since

    async def result_bytes(self) -> int:
        """See the port."""
        statement = select(func.coalesce(func.sum(RequestRow.result_bytes), 0))
        return int((await self._connection.execute(statement)).scalar_one())

    async def processed_frames(self) -> int:
        """See the port."""
        statement = select(func.coalesce(func.sum(RequestRow.processed_frames), 0))
        return int((await self._connection.execute(statement)).scalar_one())


def _is_not_after(request: AnonymizationRequest) -> ColumnElement[bool]:
    """Return the condition for requests of other accounts, and those that do not wait for this one."""
    is_earlier = tuple_(RequestRow.created_at, RequestRow.id) <= tuple_(request.created_at, request.id)
    is_high = RequestRow.priority == Priority.HIGH
    combined = and_ if request.spec.priority is Priority.HIGH else or_
    return or_(RequestRow.user_id != request.user_id, combined(is_high, is_earlier))


def _workload(level: str, verify: str, output_format: str, is_render: bool, pixels: int) -> Workload:
    return Workload(
        Level(level), Verify(verify), OutputFormat(output_format), is_render=is_render, pixels=pixels
    )
