"""Table of webhook notices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import TimestampTz, allowed_values
from framecloak.domain.ports.repositories.webhooks import NoticeEvent, NoticeState


class WebhookNoticeRow(DefaultBase):
    """Notices of ended requests for webhook receivers; during a call, ``due_at`` is the end of its lease."""

    __tablename__ = "webhook_notices"
    __table_args__ = (
        UniqueConstraint("request_id", "event", name="uq_webhook_notices_request_id"),
        Index("ix_webhook_notices_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_webhook_notices_settled_at", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
        CheckConstraint("url <> ''", name="url"),
        allowed_values("event", NoticeEvent),
        allowed_values("state", NoticeState),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="due_at"),
        CheckConstraint("(state = 'pending') = (settled_at IS NULL)", name="settled_at"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("state <> 'given_up' OR failure IS NOT NULL", name="failure"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(Text, server_default=text("'ended'"))
    url: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    settled_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    failure: Mapped[str | None] = mapped_column(Text)
