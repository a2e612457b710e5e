"""Table of the frames that reviewers have seen."""

from __future__ import annotations

from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, PrimaryKeyConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column


class SeenFrameRow(DefaultBase):
    """Frames of results that a user has seen in a review."""

    __tablename__ = "seen_frames"
    __table_args__ = (
        PrimaryKeyConstraint("request_id", "user_id", "frame"),
        CheckConstraint("frame >= 0", name="frame"),
    )

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    frame: Mapped[int] = mapped_column(Integer)
