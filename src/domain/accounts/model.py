"""People and programs that use the service, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from framecloak.domain.errors import ForbiddenError, NotAuthenticatedError


class Role(StrEnum):
    """What kind of account it is."""

    USER = "user"
    """Sees its own requests and the videos it owns or was granted."""
    ADMIN = "admin"
    """Sees and may do everything."""


class Means(StrEnum):
    """How a caller proved who it is."""

    SESSION = "session"
    JWT = "jwt"
    API_KEY = "api_key"
    COMMAND = "command"
    """The management command, run by whoever operates the installation."""


@dataclass(frozen=True, slots=True)
class User:
    """An account.

    Attributes:
        id: positive.
        username: unique whatever its case.
        password_hash: Argon2id in PHC format.
        role: what kind of account it is.
        disabled: whether it is locked out, at once and by every means.
        created_at: UTC.
        token_generation: raised whenever the account changes; JWTs of another generation are worthless.
    """

    id: int
    username: str
    password_hash: str = field(repr=False)
    role: Role
    disabled: bool
    created_at: datetime
    token_generation: int

    @property
    def is_administrator(self) -> bool:
        """Whether it is one that is not locked out."""
        return self.role is Role.ADMIN and not self.disabled


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling; everything that is read or changed is scoped to it.

    Attributes:
        user_id: of the account.
        username: of the account.
        role: of the account.
        means: how the caller proved it.
    """

    user_id: int
    username: str
    role: Role
    means: Means

    @property
    def is_admin(self) -> bool:
        """Whether the caller sees everything."""
        return self.role is Role.ADMIN

    def require_admin(self) -> None:
        """Refuse anyone but administrators.

        Raises:
            ForbiddenError: the caller is none.
        """
        if not self.is_admin:
            raise ForbiddenError("this is for administrators", "ask one of them")


def enabled(user: User | None) -> User:
    """The account that a credential was found to belong to.

    Raises:
        NotAuthenticatedError: there is none, or it is disabled.
    """
    if user is None or user.disabled:
        raise NotAuthenticatedError("the sign-in is not valid any more", "sign in again")
    return user


def principal_of(user: User, means: Means) -> Principal:
    """The caller that an account is."""
    return Principal(user.id, user.username, user.role, means)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in.

    Attributes:
        digest: SHA-256 of the secret in the cookie; the secret itself is not kept.
        user_id: whose it is.
        expires_at: UTC.
    """

    digest: bytes
    user_id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A secret for programs.

    Attributes:
        id: positive.
        user_id: whose it is.
        name: what its owner calls it.
        prefix: the first characters of the secret, to tell keys apart.
        digest: SHA-256 of the secret; the secret itself is shown once and not kept.
        created_at: UTC.
        expires_at: UTC, or None for a key that lasts until it is revoked.
        last_used_at: UTC to the minute, or None.
    """

    id: int
    user_id: int
    name: str
    prefix: str
    digest: bytes
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
