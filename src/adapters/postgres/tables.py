"""The tables, with everything that must hold for their rows whoever writes them.

The classes name columns in statements; rows are never loaded as objects, because the domain's entities are
immutable and a unit of work asks for each of them once.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase, IdentityBase
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.account_tables import UserRow
from adapters.postgres.columns import CLOCK, Time, digest_of, one_of
from adapters.postgres.gallery_tables import GalleryRow
from adapters.postgres.webhook_tables import WebhookNoticeRow
from domain.anonymization.identities import IdentityMode, Unknown
from domain.anonymization.lifecycle import Priority, Status
from domain.anonymization.provenance import SignatureState
from domain.anonymization.request import (
    Audio,
    Language,
    Level,
    OutputFormat,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from domain.anonymization.slices import SliceKind
from domain.library import GrantRole

_LIVE = "completed_at IS NULL"


def _frames() -> CheckConstraint:
    return CheckConstraint("0 <= start_frame AND start_frame < end_frame", name="frames")


def _area() -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("x >= 0 AND y >= 0 AND width > 0 AND height > 0", name="area"),
        CheckConstraint("(start_frame IS NULL) = (end_frame IS NULL)", name="both_frames"),
        _frames(),
    )


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
    created_at: Mapped[datetime] = mapped_column(Time, server_default=CLOCK)


class FrameIndexRow(DefaultBase):
    """Where the frames of a video are; apart from it, because it is large and seldom needed."""

    __tablename__ = "frame_indexes"

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class SegmentRow(IdentityBase):
    """Stretches of time marked on videos."""

    __tablename__ = "segments"
    __table_args__ = (
        Index("ix_segments_video_id_start_frame", "video_id", "start_frame"),
        _frames(),
    )

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(Text)


class RegionRow(IdentityBase):
    """Areas marked on videos; for the whole of it where no frames are named."""

    __tablename__ = "regions"
    __table_args__ = _area()

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"), index=True)
    x: Mapped[int] = mapped_column(Integer)
    y: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    start_frame: Mapped[int | None] = mapped_column(Integer)
    end_frame: Mapped[int | None] = mapped_column(Integer)
    label: Mapped[str | None] = mapped_column(Text)


class GrantRow(DefaultBase):
    """Who else may use a video."""

    __tablename__ = "grants"
    __table_args__ = (
        PrimaryKeyConstraint("video_id", "user_id"),
        one_of("role", (GrantRole.VIEWER, GrantRole.EDITOR)),
    )

    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(Text)


class UploadRow(DefaultBase):
    """Uploads that go straight into the object store."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("object_key"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(Text)
    object_key: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(Time, index=True)


class RequestRow(DefaultBase):
    """Requests for anonymised frames.

    ``video_id`` and ``segment_ids`` are copies and outlive what they name: a request is a record of what was
    done. ``needed_video_id`` holds the video, by a foreign key, for as long as the request is unfinished.
    """

    __tablename__ = "requests"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key", name="uq_requests_idempotency_key"),
        Index("ix_requests_user_id_created_at", "user_id", "created_at"),
        Index("ix_requests_video_id_created_at", "video_id", "created_at"),
        Index("ix_requests_created_at", "created_at"),
        Index("ix_requests_unfinished", "created_at", postgresql_where=text(_LIVE)),
        Index("ix_requests_completed", "completed_at", postgresql_where=text("status = 'completed'")),
        Index(
            "ix_requests_needed_video_id",
            "needed_video_id",
            postgresql_where=text("needed_video_id IS NOT NULL"),
        ),
        CheckConstraint("cardinality(segment_ids) BETWEEN 1 AND 100", name="segment_ids"),
        one_of("level", Level),
        one_of("output_format", OutputFormat),
        CheckConstraint("quality BETWEEN 1 AND 100", name="quality"),
        one_of("style", RedactionStyle),
        one_of("shape", RedactionShape),
        one_of("audio", Audio),
        one_of("language", Language),
        one_of("verify", Verify),
        one_of("priority", Priority),
        CheckConstraint(
            "(based_on_manifest IS NULL) = (based_on_signature IS NULL)"
            " AND (based_on_manifest IS NULL) = (based_on_request_id IS NULL)",
            name="based_on",
        ),
        one_of("based_on_signature", SignatureState),
        CheckConstraint("(idempotency_key IS NULL) = (order_digest IS NULL)", name="idempotency"),
        digest_of("order_digest"),
        one_of("status", Status),
        CheckConstraint("total_frames > 0", name="total_frames"),
        CheckConstraint("processed_frames BETWEEN 0 AND total_frames", name="processed_frames"),
        CheckConstraint("blanked_frames BETWEEN 0 AND total_frames", name="blanked_frames"),
        CheckConstraint(f"({_LIVE}) = (status IN ('pending', 'processing'))", name="completed_at"),
        CheckConstraint("status <> 'pending' OR started_at IS NULL", name="started_at"),
        CheckConstraint("started_at IS NULL OR admitted_at IS NOT NULL", name="admitted_at"),
        CheckConstraint("(result_key IS NULL) = (result_bytes IS NULL)", name="result"),
        CheckConstraint("result_key IS NULL OR status = 'completed'", name="result_key"),
        CheckConstraint("result_bytes > 0", name="result_bytes"),
        one_of("identity_mode", IdentityMode),
        one_of("unknown_faces", Unknown),
        CheckConstraint("identity_threshold > 0 AND identity_threshold <= 1", name="identity_threshold"),
        CheckConstraint("people_threshold > 0 AND people_threshold <= 1", name="people_threshold"),
        CheckConstraint("people_faces > 0", name="people_faces"),
        digest_of("people_digest"),
        CheckConstraint(
            "num_nulls(identity_mode, gallery_id, unknown_faces, people_threshold, people_faces, "
            "people_digest) IN (0, 6) AND (identity_threshold IS NULL OR identity_mode IS NOT NULL)",
            name="identities",
        ),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    video_id: Mapped[int] = mapped_column(BigInteger)
    needed_video_id: Mapped[int | None] = mapped_column(
        Computed(f"CASE WHEN ({_LIVE}) THEN video_id ELSE NULL::bigint END", persisted=True),
        ForeignKey("videos.id", ondelete="RESTRICT"),
    )
    segment_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    level: Mapped[str] = mapped_column(Text)
    output_format: Mapped[str] = mapped_column(Text)
    quality: Mapped[int] = mapped_column(Integer)
    style: Mapped[str] = mapped_column(Text)
    shape: Mapped[str] = mapped_column(Text)
    audio: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    verify: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(Text)
    webhook_url: Mapped[str | None] = mapped_column(Text)
    keep_text: Mapped[list[list[int | None]]] = mapped_column(JSONB, server_default=text("'[]'"))
    based_on_request_id: Mapped[UUID | None] = mapped_column(Uuid)
    based_on_manifest: Mapped[str | None] = mapped_column(Text)
    based_on_signature: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    order_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(Text)
    total_frames: Mapped[int] = mapped_column(Integer)
    processed_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    blanked_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(Time, server_default=CLOCK)
    admitted_at: Mapped[datetime | None] = mapped_column(Time)
    started_at: Mapped[datetime | None] = mapped_column(Time)
    completed_at: Mapped[datetime | None] = mapped_column(Time)
    error: Mapped[str | None] = mapped_column(Text)
    result_key: Mapped[str | None] = mapped_column(Text)
    result_bytes: Mapped[int | None] = mapped_column(BigInteger)
    identity_mode: Mapped[str | None] = mapped_column(Text)
    gallery_id: Mapped[UUID | None] = mapped_column(Uuid)
    identity_threshold: Mapped[float | None] = mapped_column(Double)
    unknown_faces: Mapped[str | None] = mapped_column(Text)
    people_threshold: Mapped[float | None] = mapped_column(Double)
    people_faces: Mapped[int | None] = mapped_column(Integer)
    people_digest: Mapped[bytes | None] = mapped_column(LargeBinary)


class RequestSegmentRow(DefaultBase):
    """Segments of a request as they were when it was submitted; they outlive what they are copies of."""

    __tablename__ = "request_segments"
    __table_args__ = (PrimaryKeyConstraint("request_id", "segment_id"), _frames())

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(BigInteger)
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)


class RequestRegionRow(DefaultBase):
    """Regions of the video of a request as they were when it was submitted."""

    __tablename__ = "request_regions"
    __table_args__ = (
        PrimaryKeyConstraint("request_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        *_area(),
    )

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    x: Mapped[int] = mapped_column(Integer)
    y: Mapped[int] = mapped_column(Integer)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    start_frame: Mapped[int | None] = mapped_column(Integer)
    end_frame: Mapped[int | None] = mapped_column(Integer)


class RequestBoxesRow(DefaultBase):
    """What to redact for a request whose boxes are known; gone when it cannot be worked on any more."""

    __tablename__ = "request_boxes"

    request_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True
    )
    boxes: Mapped[bytes] = mapped_column(LargeBinary)


class SliceRow(DefaultBase):
    """What there is to do for a request, leased to workers; only unfinished requests have any."""

    __tablename__ = "slices"
    __table_args__ = (
        PrimaryKeyConstraint("request_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        one_of("kind", SliceKind),
        _frames(),
        one_of("state", ("waiting", "leased", "completed")),
        CheckConstraint("(state = 'leased') = (owner IS NOT NULL)", name="owner"),
        CheckConstraint("(owner IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint("not_before IS NULL OR state = 'waiting'", name="not_before"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("failures BETWEEN 0 AND attempts", name="failures"),
        CheckConstraint("processed_frames BETWEEN 0 AND end_frame - start_frame", name="processed_frames"),
        CheckConstraint("blanked_frames BETWEEN 0 AND end_frame - start_frame", name="blanked_frames"),
        CheckConstraint("(state = 'completed') = (part_key IS NOT NULL)", name="part_key"),
    )

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(Text)
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(Text, server_default=text("'waiting'"))
    owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(Time)
    not_before: Mapped[datetime | None] = mapped_column(Time)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    failures: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    processed_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    blanked_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    part_key: Mapped[str | None] = mapped_column(Text)


class DownloadTokenRow(DefaultBase):
    """Rights to fetch a result once."""

    __tablename__ = "download_tokens"
    __table_args__ = (digest_of(),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(Time, index=True)
    used_at: Mapped[datetime | None] = mapped_column(Time)


METADATA: MetaData
"""Of all tables: those of accounts, galleries and webhooks have the same."""
(METADATA,) = {table.metadata for table in (RequestRow, UserRow, GalleryRow, WebhookNoticeRow)}
