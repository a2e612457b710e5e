"""Table of the installation's lists of text."""

from __future__ import annotations

from datetime import datetime

from advanced_alchemy.base import DefaultBase
from sqlalchemy import CheckConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import CLOCK_TIMESTAMP, TimestampTz


class TextListsRow(DefaultBase):
    """Terms of devices and patterns to cover; one row at most."""

    __tablename__ = "text_lists"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    device_terms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    patterns: Mapped[list[str]] = mapped_column(ARRAY(Text))
    changed_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    changed_by: Mapped[str] = mapped_column(Text)
