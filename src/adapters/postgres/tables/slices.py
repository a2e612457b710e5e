"""Tables of the slices of requests, and of what accounts were charged for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import TimestampTz, allowed_values, frame_range_check
from framecloak.domain.anonymization.model.slices import SliceKind


class SliceRow(DefaultBase):
    """Slices of work on requests, leased to workers; only unfinished requests have slices."""

    __tablename__ = "slices"
    __table_args__ = (
        PrimaryKeyConstraint("request_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        allowed_values("kind", SliceKind),
        frame_range_check(),
        allowed_values("state", ("waiting", "leased", "completed")),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="owner"),
        CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint("not_before IS NULL OR state = 'waiting'", name="not_before"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("postponed >= 0", name="postponed"),
        CheckConstraint("failures BETWEEN 0 AND attempts", name="failures"),
        CheckConstraint("processed_frames BETWEEN 0 AND end_frame - start_frame", name="processed_frames"),
        CheckConstraint("blanked_frames BETWEEN 0 AND end_frame - start_frame", name="blanked_frames"),
        CheckConstraint("(state = 'completed') = (part_key IS NOT NULL)", name="part_key"),
        CheckConstraint(
            "part_sha256 IS NULL OR part_sha256 ~ '^[0-9a-f]{64}$' AND part_key IS NOT NULL",
            name="part_sha256",
        ),
    )

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(TimestampTz)
    not_before: Mapped[datetime | None] = mapped_column(TimestampTz)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    postponed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    processed_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    blanked_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    part_key: Mapped[str | None] = mapped_column(Text)
    part_sha256: Mapped[str | None] = mapped_column(Text)


class AccountShareRow(DefaultBase):
    """Frames charged to accounts, which decide whose slice is leased next."""

    __tablename__ = "account_shares"
    __table_args__ = (CheckConstraint("clock BETWEEN 0 AND charged", name="clock"),)

    user_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    charged: Mapped[int] = mapped_column(BigInteger)
    clock: Mapped[int] = mapped_column(BigInteger, index=True)
