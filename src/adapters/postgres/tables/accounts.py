"""Tables of accounts, sessions, tokens, API keys and the audit log."""

from __future__ import annotations

from datetime import datetime

from advanced_alchemy.base import DefaultBase, IdentityBase
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from framecloak.adapters.postgres.tables.columns import (
    CLOCK_TIMESTAMP,
    TimestampTz,
    allowed_values,
    digest_check,
)
from framecloak.domain.model.accounts import Role


class UserRow(IdentityBase):
    """User accounts."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_username_lower", func.lower(text("username")), unique=True),
        CheckConstraint("username <> ''", name="username"),
        allowed_values("role", Role),
        CheckConstraint("token_generation >= 0", name="token_generation"),
        CheckConstraint("char_length(display_name) BETWEEN 1 AND 100", name="display_name"),
        allowed_values("language", ("en", "de")),
    )

    username: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    disabled: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    token_generation: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    display_name: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)


class SessionRow(DefaultBase):
    """Browser sessions."""

    __tablename__ = "sessions"
    __table_args__ = (digest_check(), CheckConstraint("char_length(id_token) <= 4096", name="id_token"))

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(TimestampTz, index=True)
    id_token: Mapped[str | None] = mapped_column(Text)


class ExternalIdentityRow(DefaultBase):
    """Identities of the identity provider, each of one account."""

    __tablename__ = "external_identities"
    __table_args__ = (CheckConstraint("issuer <> '' AND subject <> ''", name="names"),)

    issuer: Mapped[str] = mapped_column(Text, primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    linked_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)


class UsedRefreshTokenRow(DefaultBase):
    """Used refresh tokens, by the digest of their id; kept until they would have expired."""

    __tablename__ = "used_refresh_tokens"
    __table_args__ = (digest_check(),)

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(TimestampTz, index=True)


class ApiKeyRow(IdentityBase):
    """API keys of accounts."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("digest"), digest_check())

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    expires_at: Mapped[datetime | None] = mapped_column(TimestampTz)
    last_used_at: Mapped[datetime | None] = mapped_column(TimestampTz)


class AuditRow(IdentityBase):
    """Audit entries. A trigger rejects every change, so they name accounts without a foreign key."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_subject", "subject", "id"),)

    created_at: Mapped[datetime] = mapped_column(TimestampTz, server_default=CLOCK_TIMESTAMP)
    user_id: Mapped[int | None] = mapped_column(BigInteger)
    username: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, object]] = mapped_column(JSONB)
