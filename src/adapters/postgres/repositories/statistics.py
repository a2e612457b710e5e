"""Postgres repository of figures over the requests of all accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import and_, func, select

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.domain.anonymization.model.options import Level, Verify
from framecloak.domain.anonymization.model.orders.throughput import RequestDuration, Workload
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status

_IS_UNFINISHED = RequestRow.completed_at.is_(None)
_WORKLOAD_COLUMNS = (
    RequestRow.level,
    RequestRow.verify,
    RequestRow.output_format,
    RequestRow.based_on_request_id.is_not(None),
)


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
                *_WORKLOAD_COLUMNS, RequestRow.total_frames, RequestRow.completed_at - RequestRow.started_at
            )
            .where(RequestRow.status == Status.COMPLETED, RequestRow.started_at.is_not(None))
            .order_by(RequestRow.completed_at.desc())
            .limit(limit)
        )
        rows = await self._connection.execute(statement)
        return [
            RequestDuration(_workload(*kind), frames, duration.total_seconds())
            for *kind, frames, duration in rows
        ]

    async def pending_frames(self) -> Mapping[Workload, int]:
        """See the port."""
        left = func.sum(RequestRow.total_frames - RequestRow.processed_frames)
        statement = select(*_WORKLOAD_COLUMNS, left).where(_IS_UNFINISHED).group_by(*_WORKLOAD_COLUMNS)
        rows = await self._connection.execute(statement)
        frames_by_workload = Counter[Workload]()
        for *kind, frames in rows:
            # Several output formats map to one workload.
            frames_by_workload[_workload(*kind)] += int(frames)
        return frames_by_workload

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


def _workload(level: str, verify: str, output_format: str, is_render: bool) -> Workload:
    is_video = OutputFormat(output_format).is_video
    return Workload(Level(level), Verify(verify), is_video, is_render=is_render)
