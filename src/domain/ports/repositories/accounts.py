"""Repositories of accounts, sessions, refresh tokens and API keys. Times are timezone-aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from framecloak.domain.model.accounts import ApiKey, Role, Session, User
from framecloak.domain.ports.repositories.paging import Page


@dataclass(frozen=True, slots=True)
class Owned:
    """Numbers of objects that an account owns."""

    videos: int
    requests: int
    galleries: int

    @property
    def is_anything(self) -> bool:
        """True if the account owns anything."""
        return bool(self.videos or self.requests or self.galleries)


class UserRepository(Protocol):
    """Repository of accounts."""

    async def add(self, username: str, password_hash: str | None, role: Role) -> User:
        """Create an account; one without a password signs in at the identity provider.

        Raises:
            UsernameTakenError: the name is in use; case is ignored.
        """
        ...

    async def get(self, user_id: int) -> User:
        """Return an account.

        Raises:
            UserNotFoundError: the account does not exist.
        """
        ...

    async def lock(self, user_id: int) -> User:
        """Return an account and lock its row until this unit of work ends.

        Raises:
            UserNotFoundError: the account does not exist.
        """
        ...

    async def lock_administrators(self) -> int:
        """Lock the rows of all enabled administrators, as ``lock`` does, and return their number."""
        ...

    async def find_by_name(self, username: str) -> User | None:
        """Return the account with this name, ignoring case, or None."""
        ...

    async def list(self, limit: int, offset: int) -> Page[User]:
        """Return a page of accounts, oldest first."""
        ...

    async def update(self, user: User) -> None:
        """Store everything of an account but its id, user name and time of creation.

        Raises:
            UserNotFoundError: the account does not exist.
        """
        ...

    async def owned(self, user_id: int) -> Owned:
        """Return the numbers of videos, requests and galleries of an account."""
        ...

    async def transfer(self, user_id: int, heir_id: int) -> None:
        """Make another account the owner of all videos, requests and galleries of an account.

        Idempotency keys are cleared, because they are unique to an account.
        """
        ...

    async def remove(self, user_id: int) -> None:
        """Delete an account, which owns nothing, with its sessions, keys, links, uploads and grants."""
        ...


class SessionRepository(Protocol):
    """Repository of signed-in browser sessions."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def find_user(self, digest: bytes, now: datetime) -> User | None:
        """Return the account of a session, or None if the session is unknown or expired."""
        ...

    async def find(self, digest: bytes) -> Session | None:
        """Return a session, or None if it is unknown; it may have expired."""
        ...

    async def remove(self, digest: bytes) -> None:
        """Delete a session; a missing one is ignored."""
        ...

    async def remove_all_of_user(self, user_id: int) -> None:
        """Delete all sessions of an account."""
        ...

    async def remove_expired(self, now: datetime) -> int:
        """Delete expired sessions and return their number."""
        ...


class ExternalIdentityRepository(Protocol):
    """Repository of the identities with which accounts sign in at the identity provider."""

    async def find_user(self, issuer: str, subject: str) -> User | None:
        """Return the account of an identity, or None if it has none."""
        ...

    async def add(self, issuer: str, subject: str, user_id: int) -> bool:
        """Link an identity to an account.

        Returns:
            False if the identity is linked already; of several concurrent calls exactly one gets True.
        """
        ...

    async def is_linked(self, user_id: int) -> bool:
        """Return True if an identity is linked to the account."""
        ...

    async def remove_all_of_user(self, user_id: int) -> None:
        """Unlink all identities of an account."""
        ...


class RefreshTokenRepository(Protocol):
    """Repository of used refresh tokens; each token can be exchanged once."""

    async def mark_used(self, digest: bytes, user_id: int, expires_at: datetime) -> bool:
        """Mark a token as used.

        Args:
            digest: SHA-256 of the token's id.
            user_id: id of the account the token belongs to.
            expires_at: expiry of the token; the record can be deleted from then on.

        Returns:
            True if the token was unused. Of several concurrent calls exactly one gets True.
        """
        ...

    async def remove_expired(self, now: datetime) -> int:
        """Delete the records of expired tokens and return their number."""
        ...


class ApiKeyRepository(Protocol):
    """Repository of API keys."""

    async def add(
        self, user_id: int, name: str, prefix: str, digest: bytes, expires_at: datetime | None
    ) -> ApiKey:
        """Store a key."""
        ...

    async def list(self, user_id: int) -> Sequence[ApiKey]:
        """Return the keys of an account, newest first."""
        ...

    async def find(self, digest: bytes, now: datetime) -> tuple[ApiKey, User] | None:
        """Return a key and its account, or None if the key is unknown or expired."""
        ...

    async def touch(self, key_id: int, now: datetime) -> None:
        """Store the time at which a key was last used."""
        ...

    async def remove(self, key_id: int, user_id: int) -> ApiKey:
        """Delete a key of an account and return the deleted key.

        Raises:
            ApiKeyNotFoundError: the account has no such key.
        """
        ...
