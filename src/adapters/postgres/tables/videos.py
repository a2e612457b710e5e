"""Tables of stored videos, their marks, grants and uploads."""

from __future__ import annotations

from datetime import datetime

from advanced_alchemy.base import DefaultBase, IdentityBase
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import (
    CLOCK_TIMESTAMP,
    TimestampTz,
    allowed_values,
    frame_range_check,
    region_checks,
)
from framecloak.domain.model.videos import GrantRole


class VideoRow(IdentityBase):
    """Stored videos."""

    __tablename__ = "videos"
    __table_args__ = (
        Index("ix_videos_owner_id_id", "owner_id", "id"),
        UniqueConstraint("object_key"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
        CheckConstraint("width > 0 AND height > 0", name="dimensions"),
        CheckConstraint("frame_count > 0", name="frame_count"),
        CheckConstraint("frame_rate >= 0 AND duration >= 0", name="timing"),
        CheckConstraint("rotation IN (0, 90, 180, 270)", name="rotation"),
        CheckConstraint("char_length(title) BETWEEN 1 AND 200", name="title"),
    )

    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    filename: Mapped[str] = mapped_column(Text)
    object_key: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    frame_rate: Mapped[float] = mapped_column(Double)
    frame_count: Mapped[int] = mapped_column(Integer)
    duration: Mapped[float] = mapped_column(Double)
    rotation: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    title: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))


class FrameIndexRow(DefaultBase):
    """Frame indexes of videos; in a table of their own, because they are large and seldom needed."""

    __tablename__ = "frame_indexes"

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class SegmentRow(IdentityBase):
    """Segments: ranges of frames marked on videos."""

    __tablename__ = "segments"
    __table_args__ = (
        Index("ix_segments_video_id_start_frame", "video_id", "start_frame"),
        frame_range_check(),
    )

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(Text)


class RegionRow(IdentityBase):
    """Regions marked on videos; they apply to all frames when no range is given."""

    __tablename__ = "regions"
    __table_args__ = region_checks()

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    x: Mapped[int] = mapped_column(Integer)
    y: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    start_frame: Mapped[int | None] = mapped_column(Integer)
    end_frame: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(Text)


class GrantRow(DefaultBase):
    """Grants: access to a video for accounts other than its owner."""

    __tablename__ = "grants"
    __table_args__ = (
        PrimaryKeyConstraint("video_id", "user_id"),
        allowed_values("role", (GrantRole.VIEWER, GrantRole.EDITOR)),
    )

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(Text)
    is_named: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class UploadRow(DefaultBase):
    """Pending uploads directly into the object store."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("object_key"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(Text)
    object_key: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(TimestampTz, index=True)
