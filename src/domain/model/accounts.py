"""Accounts, sessions and API keys, and the permissions of a caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from framecloak.domain.errors import ForbiddenError, NotAuthenticatedError


class Role(StrEnum):
    """Role of an account."""

    USER = "user"
    """Sees its own requests and the videos that it owns or has a grant on."""
    ADMIN = "admin"
    """Sees and may do everything."""


class Means(StrEnum):
    """Authentication method of a caller."""

    SESSION = "session"
    JWT = "jwt"
    API_KEY = "api_key"
    SSO_TOKEN = "sso_token"  # noqa: S105 - a name
    """An access token of the identity provider."""
    COMMAND = "command"
    """The management command, run by an operator of the installation."""


@dataclass(frozen=True, slots=True)
class User:
    """An account.

    Attributes:
        id: Positive.
        username: unique, ignoring case.
        password_hash: Argon2id in PHC format; None if the account signs in at the identity provider only.
        role: role of the account.
        disabled: True if the account is locked out; effective immediately for every authentication method.
        created_at: UTC.
        token_generation: increased by every change of the account; JWTs of earlier generations are invalid.
        must_change_password: True if the password was set by an administrator; sessions and JWTs then permit
            nothing but changing it.
        display_name: name shown to people; None for the user name.
        language: language of the console, ``en`` or ``de``; None for that of the browser.
    """

    id: int
    username: str
    password_hash: str | None = field(repr=False)
    role: Role
    disabled: bool
    created_at: datetime
    token_generation: int
    must_change_password: bool = False
    display_name: str | None = None
    language: str | None = None

    @property
    def is_administrator(self) -> bool:
        """True for an administrator whose account is not disabled."""
        return self.role is Role.ADMIN and not self.disabled


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller; everything that is read or changed is scoped to it.

    Attributes:
        user_id: id of the account.
        username: name of the account.
        role: role of the account.
        auth_method: authentication method.
        must_change_password: True if nothing is permitted until the password is changed.
        display_name: name shown to people; None for the user name.
        language: language of the console; None for that of the browser.
        has_password: True if the account can sign in with a password of this installation.
    """

    user_id: int
    username: str
    role: Role
    auth_method: Means
    must_change_password: bool = False
    display_name: str | None = None
    language: str | None = None
    has_password: bool = True

    @property
    def is_admin(self) -> bool:
        """True if the caller sees everything."""
        return self.role is Role.ADMIN

    def require_admin(self) -> None:
        """Require that the caller is an administrator.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        if not self.is_admin:
            raise ForbiddenError("this operation is for administrators", "ask an administrator")


def require_enabled(user: User | None) -> User:
    """Return the account of a credential, provided that it exists and is enabled.

    Raises:
        NotAuthenticatedError: the account does not exist or is disabled.
    """
    if user is None or user.disabled:
        raise NotAuthenticatedError("the sign-in is no longer valid", "sign in again")
    return user


def principal_of(user: User, auth_method: Means) -> Principal:
    """Return the principal for an account."""
    # API keys are not exchanged for the password, so its change does not concern them.
    must_change = user.must_change_password and auth_method in {Means.SESSION, Means.JWT}
    return Principal(
        user.id,
        user.username,
        user.role,
        auth_method,
        must_change,
        user.display_name,
        user.language,
        user.password_hash is not None,
    )


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser session.

    Attributes:
        digest: SHA-256 of the secret in the cookie; the secret itself is not stored.
        user_id: id of the account.
        expires_at: UTC.
        id_token: ID token of the identity provider, with which the session is ended there, too; empty if it
            is too long to be sent back; None for a session that a password began.
    """

    digest: bytes
    user_id: int
    expires_at: datetime
    id_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key.

    Attributes:
        id: Positive.
        user_id: id of the account.
        name: name given by the owner.
        prefix: first characters of the secret, which identify the key in lists.
        digest: SHA-256 of the secret; the secret itself is shown once and not stored.
        created_at: UTC.
        expires_at: UTC, or None for a key that is valid until revoked.
        last_used_at: UTC, rounded down to the minute, or None.
    """

    id: int
    user_id: int
    name: str
    prefix: str
    digest: bytes
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
