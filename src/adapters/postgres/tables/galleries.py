"""Tables of galleries and enrolled faces.

`adapters.security.vault` documents how their contents are protected, and the limits of that protection.

Vectors of all models share one column without a fixed dimension. A gallery has one model, so vectors of
different models are never compared. A pgvector index needs a fixed dimension, and an index over several
galleries would return neighbours from other galleries. Therefore each large gallery gets a partial index of
its own (`adapters.postgres.vector_search.indexes`), with half-precision numbers to halve its size. Galleries
of long vectors have an index in memory instead (`adapters.postgres.vector_search.sign_indexes`), which reads
faces in the order of their numbers.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from advanced_alchemy.base import DefaultBase
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import CLOCK_TIMESTAMP, TimestampTz
from framecloak.adapters.postgres.vector_search.column_type import Vector


class GalleryRow(DefaultBase):
    """Galleries: sets of enrolled faces, each bound to one model."""

    __tablename__ = "galleries"
    __table_args__ = (
        Index("ix_galleries_owner_id_created_at", "owner_id", "created_at"),
        Index("ix_galleries_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        CheckConstraint("model_sha256 ~ '^[0-9a-f]{64}$'", name="model_sha256"),
        CheckConstraint("dimension BETWEEN 1 AND 4000", name="dimension"),
        CheckConstraint("old_key_id <> key_id", name="old_key_id"),
        CheckConstraint("face_count >= 0", name="face_count"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    name: Mapped[bytes] = mapped_column(LargeBinary)
    model_name: Mapped[str] = mapped_column(Text)
    model_sha256: Mapped[str] = mapped_column(Text)
    dimension: Mapped[int] = mapped_column(Integer)
    key_id: Mapped[str] = mapped_column(Text)
    old_key_id: Mapped[str | None] = mapped_column(Text)
    face_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    indexed: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    expires_at: Mapped[datetime | None] = mapped_column(TimestampTz)


class GalleryFaceRow(DefaultBase):
    """Enrolled faces; a secret rotation protects the vector, label and metadata are encrypted."""

    __tablename__ = "gallery_faces"
    __table_args__ = (
        Index("ix_gallery_faces_gallery_id_key_id", "gallery_id", "key_id"),
        Index("ix_gallery_faces_gallery_id_created_at", "gallery_id", "created_at", "id"),
        Index("ix_gallery_faces_gallery_id_number", "gallery_id", "number"),
        CheckConstraint("octet_length(person) = 16", name="person"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    gallery_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("galleries.id", ondelete="CASCADE"))
    key_id: Mapped[str] = mapped_column(Text)
    person: Mapped[bytes] = mapped_column(LargeBinary)
    label: Mapped[bytes] = mapped_column(LargeBinary)
    # Encrypted JSON. The attribute name "metadata" is reserved by SQLAlchemy.
    notes: Mapped[bytes] = mapped_column("metadata", LargeBinary)
    vector: Mapped[list[float]] = mapped_column(Vector)
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
