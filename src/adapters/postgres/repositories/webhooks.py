"""Postgres repository of notices for webhook receivers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.rows.requests import REQUEST_COLUMNS, request_from_row
from framecloak.adapters.postgres.tables.requests import RequestRow
from framecloak.adapters.postgres.tables.webhooks import WebhookNoticeRow
from framecloak.domain.ports.repositories.webhooks import Notice, NoticeEvent, NoticeState


class PostgresNoticeRepository:
    """Postgres repository of webhook notices; see the port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(
        self, request_id: UUID, url: str, now: datetime, event: NoticeEvent = NoticeEvent.ENDED
    ) -> None:
        """See the port."""
        values = {
            "id": uuid4(),
            "request_id": request_id,
            "event": event,
            "url": url,
            "state": NoticeState.PENDING,
            "due_at": now,
        }
        await self._connection.execute(insert(WebhookNoticeRow).values(values))

    async def take_due(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Notice]:
        """See the port."""
        # A CTE, because Postgres may evaluate a subquery in the condition of the update more than once.
        due = (
            select(WebhookNoticeRow.id)
            .where(WebhookNoticeRow.due_at <= now)
            .order_by(WebhookNoticeRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        statement = (
            update(WebhookNoticeRow)
            .where(WebhookNoticeRow.id == due.c.id, RequestRow.id == WebhookNoticeRow.request_id)
            .values(due_at=lease_until, attempts=WebhookNoticeRow.attempts + 1)
            .returning(
                WebhookNoticeRow.id,
                WebhookNoticeRow.url,
                WebhookNoticeRow.attempts,
                WebhookNoticeRow.event,
                *REQUEST_COLUMNS,
            )
        )
        rows = await self._connection.execute(statement)
        return [
            Notice(notice_id, url, request_from_row(request), attempt, NoticeEvent(event))
            for notice_id, url, attempt, event, *request in rows
        ]

    async def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """See the port."""
        is_pending = and_(WebhookNoticeRow.id == notice.id, WebhookNoticeRow.state == NoticeState.PENDING)
        values = {"state": NoticeState.DELIVERED, "due_at": None, "settled_at": now}
        await self._connection.execute(update(WebhookNoticeRow).where(is_pending).values(values))

    async def postpone(self, notice: Notice, until: datetime, failure: str) -> None:
        """See the port."""
        values = {"due_at": until, "failure": failure}
        await self._connection.execute(update(WebhookNoticeRow).where(_is_held(notice)).values(values))

    async def give_up(self, notice: Notice, now: datetime, failure: str) -> None:
        """See the port."""
        values = {"state": NoticeState.GIVEN_UP, "due_at": None, "settled_at": now, "failure": failure}
        await self._connection.execute(update(WebhookNoticeRow).where(_is_held(notice)).values(values))

    async def remove_settled(self, before: datetime) -> int:
        """See the port."""
        statement = delete(WebhookNoticeRow).where(WebhookNoticeRow.settled_at < before)
        return (await self._connection.execute(statement)).rowcount


def _is_held(notice: Notice) -> ColumnElement[bool]:
    """Return the condition for a pending notice that no other worker has taken since (same attempt)."""
    return and_(
        WebhookNoticeRow.id == notice.id,
        WebhookNoticeRow.state == NoticeState.PENDING,
        WebhookNoticeRow.attempts == notice.attempt,
    )
