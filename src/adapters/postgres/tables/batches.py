"""Tables of templates and batches of orders."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import CLOCK_TIMESTAMP, TimestampTz, digest_check


class TemplateRow(DefaultBase):
    """Templates of orders; at most one is the default of the installation."""

    __tablename__ = "templates"
    __table_args__ = (
        Index("ix_templates_default", "is_default", unique=True, postgresql_where=text("is_default")),
        CheckConstraint("char_length(name) BETWEEN 1 AND 100", name="name"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, object]] = mapped_column(JSONB)
    marks: Mapped[dict[str, object]] = mapped_column(JSONB)
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)


class TemplateGrantRow(DefaultBase):
    """Grants: accounts besides the owner that may use a template."""

    __tablename__ = "template_grants"
    __table_args__ = (PrimaryKeyConstraint("template_id", "user_id"),)

    template_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("templates.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class BatchRow(DefaultBase):
    """Batches of orders."""

    __tablename__ = "batches"
    __table_args__ = (
        Index("ix_batches_user_id_created_at", "user_id", "created_at"),
        UniqueConstraint("user_id", "idempotency_key", name="uq_batches_idempotency_key"),
        CheckConstraint("(idempotency_key IS NULL) = (order_digest IS NULL)", name="idempotency"),
        digest_check("order_digest"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    template_name: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    order_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)


class BatchItemRow(DefaultBase):
    """Outcomes of the orders of a batch; ``video_id`` is a copy that outlives the video."""

    __tablename__ = "batch_items"
    __table_args__ = (
        PrimaryKeyConstraint("batch_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        CheckConstraint(
            "(error_code IS NULL) = (error IS NULL) AND (request_id IS NULL OR error IS NULL)",
            name="outcome",
        ),
    )

    batch_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("batches.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    video_id: Mapped[int] = mapped_column(BigInteger)
    request_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("requests.id", ondelete="CASCADE"), index=True
    )
    error_code: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
