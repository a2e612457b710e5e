"""Tables of requests, of their snapshots and of download tokens."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Double,
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

from framecloak.adapters.postgres.tables.columns import (
    CLOCK_TIMESTAMP,
    TimestampTz,
    allowed_values,
    digest_check,
    frame_range_check,
    region_checks,
)
from framecloak.domain.anonymization.model.identities import IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import (
    Audio,
    Language,
    Level,
    RedactionShape,
    RedactionStyle,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.anonymization.model.request import Priority, Status
from framecloak.domain.anonymization.model.text_policy import Harmless, TextMode

_IS_UNFINISHED = "completed_at IS NULL"


class RequestRow(DefaultBase):
    """Anonymisation requests.

    ``video_id`` and ``segment_ids`` are copies that outlive the video and its segments: a request is a record
    of work done. ``needed_video_id`` is a foreign key that prevents deleting the video while the request is
    unfinished.
    """

    __tablename__ = "requests"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key", name="uq_requests_idempotency_key"),
        Index("ix_requests_user_id_created_at", "user_id", "created_at"),
        Index("ix_requests_video_id_created_at", "video_id", "created_at"),
        Index("ix_requests_created_at", "created_at"),
        Index("ix_requests_unfinished", "created_at", postgresql_where=text(_IS_UNFINISHED)),
        Index(
            "ix_requests_in_work",
            "user_id",
            postgresql_where=text(f"admitted_at IS NOT NULL AND {_IS_UNFINISHED}"),
        ),
        Index(
            "ix_requests_waiting",
            "user_id",
            "priority",
            "created_at",
            "id",
            postgresql_where=text(f"admitted_at IS NULL AND {_IS_UNFINISHED}"),
        ),
        Index("ix_requests_completed", "completed_at", postgresql_where=text("status = 'completed'")),
        Index(
            "ix_requests_needed_video_id",
            "needed_video_id",
            postgresql_where=text("needed_video_id IS NOT NULL"),
        ),
        CheckConstraint("cardinality(segment_ids) BETWEEN 1 AND 100", name="segment_ids"),
        allowed_values("level", Level),
        allowed_values("output_format", OutputFormat),
        CheckConstraint("quality BETWEEN 1 AND 100", name="quality"),
        allowed_values("style", RedactionStyle),
        allowed_values("shape", RedactionShape),
        allowed_values("audio", Audio),
        allowed_values("language", Language),
        allowed_values("verify", Verify),
        allowed_values("priority", Priority),
        CheckConstraint("pixel_aspect ~ '^[1-9][0-9]{0,5}:[1-9][0-9]{0,5}$'", name="pixel_aspect"),
        CheckConstraint("char_length(reference) BETWEEN 1 AND 80", name="reference"),
        CheckConstraint(
            "(based_on_manifest IS NULL) = (based_on_signature IS NULL)"
            " AND (based_on_manifest IS NULL) = (based_on_request_id IS NULL)",
            name="based_on",
        ),
        allowed_values("based_on_signature", SignatureState),
        CheckConstraint("(idempotency_key IS NULL) = (order_digest IS NULL)", name="idempotency"),
        digest_check("order_digest"),
        allowed_values("status", Status),
        CheckConstraint("total_frames > 0", name="total_frames"),
        CheckConstraint("processed_frames BETWEEN 0 AND total_frames", name="processed_frames"),
        CheckConstraint("blanked_frames BETWEEN 0 AND total_frames", name="blanked_frames"),
        CheckConstraint(f"({_IS_UNFINISHED}) = (status IN ('pending', 'processing'))", name="completed_at"),
        CheckConstraint("status <> 'pending' OR started_at IS NULL", name="started_at"),
        CheckConstraint("started_at IS NULL OR admitted_at IS NOT NULL", name="admitted_at"),
        CheckConstraint("(result_key IS NULL) = (result_bytes IS NULL)", name="result"),
        CheckConstraint("result_key IS NULL OR status = 'completed'", name="result_key"),
        CheckConstraint("result_bytes > 0", name="result_bytes"),
        CheckConstraint(
            "result_sha256 IS NULL OR result_sha256 ~ '^[0-9a-f]{64}$' AND result_key IS NOT NULL",
            name="result_sha256",
        ),
        CheckConstraint(
            "num_nulls(released_at, released_by, release_document) IN (0, 3)"
            " AND (released_at IS NULL OR status = 'completed')",
            name="release",
        ),
        allowed_values("identity_mode", IdentityMode),
        allowed_values("unknown_faces", Unknown),
        CheckConstraint("identity_threshold > 0 AND identity_threshold <= 1", name="identity_threshold"),
        CheckConstraint("people_threshold > 0 AND people_threshold <= 1", name="people_threshold"),
        CheckConstraint("people_faces > 0", name="people_faces"),
        digest_check("people_digest"),
        allowed_values("text_mode", TextMode),
        CheckConstraint(
            f"text_keep <@ ARRAY[{', '.join(repr(str(each)) for each in Harmless)}]", name="text_keep"
        ),
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
        Computed(f"CASE WHEN ({_IS_UNFINISHED}) THEN video_id ELSE NULL::bigint END", persisted=True),
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
    pixel_aspect: Mapped[str | None] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    based_on_request_id: Mapped[UUID | None] = mapped_column(Uuid)
    based_on_manifest: Mapped[str | None] = mapped_column(Text)
    based_on_signature: Mapped[str | None] = mapped_column(Text)
    edited_here: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    order_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(Text)
    total_frames: Mapped[int] = mapped_column(Integer)
    processed_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    blanked_frames: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    admitted_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    started_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    completed_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    error: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(Text)
    result_key: Mapped[str | None] = mapped_column(Text)
    result_bytes: Mapped[int | None] = mapped_column(BigInteger)
    result_sha256: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    released_by: Mapped[str | None] = mapped_column(Text)
    release_document: Mapped[bytes | None] = mapped_column(LargeBinary)
    identity_mode: Mapped[str | None] = mapped_column(Text)
    gallery_id: Mapped[UUID | None] = mapped_column(Uuid)
    identity_threshold: Mapped[float | None] = mapped_column(Double)
    unknown_faces: Mapped[str | None] = mapped_column(Text)
    people_threshold: Mapped[float | None] = mapped_column(Double)
    people_faces: Mapped[int | None] = mapped_column(Integer)
    people_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    text_mode: Mapped[str] = mapped_column(Text, server_default=text("'all'"))
    text_keep: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{device,measurements}'"))
    text_names: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    text_patterns: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))


class RequestSegmentRow(DefaultBase):
    """Segments of a request, copied at submission; they outlive the original segments."""

    __tablename__ = "request_segments"
    __table_args__ = (PrimaryKeyConstraint("request_id", "segment_id"), frame_range_check())

    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"))
    segment_id: Mapped[int] = mapped_column(BigInteger)
    start_frame: Mapped[int] = mapped_column(Integer)
    end_frame: Mapped[int] = mapped_column(Integer)


class RequestRegionRow(DefaultBase):
    """Regions on the video of a request, copied at submission."""

    __tablename__ = "request_regions"
    __table_args__ = (
        PrimaryKeyConstraint("request_id", "number"),
        CheckConstraint("number >= 0", name="number"),
        *region_checks(),
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
    """Boxes of requests that render a result again; deleted when the request ends."""

    __tablename__ = "request_boxes"

    request_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True
    )
    boxes: Mapped[bytes] = mapped_column(LargeBinary)
    identities: Mapped[bytes | None] = mapped_column(LargeBinary)
    history: Mapped[bytes | None] = mapped_column(LargeBinary)
    text: Mapped[bytes | None] = mapped_column(LargeBinary)


class RequestTextListsRow(DefaultBase):
    """Encrypted lists of text policies, which contain names; deleted when the request ends."""

    __tablename__ = "request_text_lists"

    request_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True
    )
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class DownloadTokenRow(DefaultBase):
    """Download tokens, each of which allows fetching a result once."""

    __tablename__ = "download_tokens"
    __table_args__ = (digest_check(),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("requests.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(TimestampTz, index=True)
    used_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    user_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
