"""Webhook notices about the end of requests, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from fakes.persistence.tables import NoticeEntry, Transaction
from framecloak.domain.ports.repositories.webhooks import Notice, NoticeEvent, NoticeState


class FakeNoticeRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def add(
        self, request_id: UUID, url: str, now: datetime, event: NoticeEvent = NoticeEvent.ENDED
    ) -> None:
        rows = await self._tx.write()
        rows.notices[uuid4()] = NoticeEntry(request_id, url, due_at=now, event=event)

    async def take_due(self, now: datetime, lease_until: datetime, limit: int) -> Sequence[Notice]:
        rows = await self._tx.write()
        due = sorted(
            (entry.due_at, notice_id)
            for notice_id, entry in rows.notices.items()
            if entry.due_at and entry.due_at <= now
        )
        taken = []
        for _, notice_id in due[:limit]:
            entry = rows.notices[notice_id]
            entry = replace(entry, due_at=lease_until, attempts=entry.attempts + 1)
            rows.notices[notice_id] = entry
            request = rows.requests[entry.request_id]
            taken.append(Notice(notice_id, entry.url, request, entry.attempts, entry.event))
        return taken

    async def mark_delivered(self, notice: Notice, now: datetime) -> None:
        rows = await self._tx.write()
        entry = rows.notices.get(notice.id)
        if entry and entry.state is NoticeState.PENDING:
            rows.notices[notice.id] = replace(entry, state=NoticeState.DELIVERED, due_at=None, settled_at=now)

    async def postpone(self, notice: Notice, until: datetime, failure: str) -> None:
        rows = await self._tx.write()
        if entry := self._held(notice):
            rows.notices[notice.id] = replace(entry, due_at=until, failure=failure)

    async def give_up(self, notice: Notice, now: datetime, failure: str) -> None:
        rows = await self._tx.write()
        if entry := self._held(notice):
            rows.notices[notice.id] = replace(
                entry, state=NoticeState.GIVEN_UP, due_at=None, settled_at=now, failure=failure
            )

    async def remove_settled(self, before: datetime) -> int:
        rows = await self._tx.write()
        count = len(rows.notices)
        rows.notices = {
            notice_id: entry
            for notice_id, entry in rows.notices.items()
            if entry.settled_at is None or entry.settled_at >= before
        }
        return count - len(rows.notices)

    def _held(self, notice: Notice) -> NoticeEntry | None:
        entry = self._tx.rows.notices.get(notice.id)
        is_held = entry and entry.state is NoticeState.PENDING and entry.attempts == notice.attempt
        return entry if is_held else None
