"""What the service asks of its database about accounts. Times are timezone-aware UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from framecloak.domain.accounts.model import ApiKey, Role, Session, User
from framecloak.domain.ports.paging import Page


class Users(Protocol):
    """Accounts."""

    async def add(self, username: str, password_hash: str, role: Role) -> User:
        """Create an account.

        Raises:
            UsernameTakenError: there is one of that name, whatever its case.
        """
        ...

    async def get(self, user_id: int) -> User:
        """One account.

        Raises:
            UserNotFoundError: there is none.
        """
        ...

    async def lock(self, user_id: int) -> User:
        """One account, which nobody else changes or locks until this unit of work ends.

        Raises:
            UserNotFoundError: there is none.
        """
        ...

    async def lock_administrators(self) -> int:
        """How many enabled administrators there are, each locked as by ``lock``."""
        ...

    async def by_name(self, username: str) -> User | None:
        """The account of that name, whatever its case."""
        ...

    async def list(self, limit: int, offset: int) -> Page[User]:
        """Accounts, oldest first."""
        ...

    async def update(self, user: User) -> None:
        """Store what changed: role, password hash, whether it is disabled, generation of tokens.

        Raises:
            UserNotFoundError: there is none.
        """
        ...


class Sessions(Protocol):
    """Browsers that are signed in."""

    async def add(self, session: Session) -> None:
        """Sign one in."""
        ...

    async def find(self, digest: bytes, now: datetime) -> User | None:
        """Whose session it is, unless it expired."""
        ...

    async def remove(self, digest: bytes) -> None:
        """Sign one out; no matter if it is not there."""
        ...

    async def remove_of(self, user_id: int) -> None:
        """Sign an account out everywhere."""
        ...

    async def remove_expired(self, now: datetime) -> int:
        """Forget what is over; returns how many."""
        ...


class RefreshTokens(Protocol):
    """Refresh tokens that were used: each is good for one exchange."""

    async def use(self, digest: bytes, user_id: int, expires_at: datetime) -> bool:
        """Use a token up.

        Args:
            digest: SHA-256 of its id.
            user_id: whose it is.
            expires_at: from then on it is worthless anyway, and need not be remembered.

        Returns:
            Whether it was unused; of many at once exactly one is told so.
        """
        ...

    async def remove_expired(self, now: datetime) -> int:
        """Forget what is over; returns how many."""
        ...


class ApiKeys(Protocol):
    """Secrets for programs."""

    async def add(
        self, user_id: int, name: str, prefix: str, digest: bytes, expires_at: datetime | None
    ) -> ApiKey:
        """Store a key."""
        ...

    async def list(self, user_id: int) -> Sequence[ApiKey]:
        """The keys of an account, newest first."""
        ...

    async def find(self, digest: bytes, now: datetime) -> tuple[ApiKey, User] | None:
        """The key and whose it is, unless it expired."""
        ...

    async def touch(self, key_id: int, now: datetime) -> None:
        """Note that it was used."""
        ...

    async def remove(self, key_id: int, user_id: int) -> ApiKey:
        """Revoke a key of an account; returns what it was.

        Raises:
            ApiKeyNotFoundError: the account has no such key.
        """
        ...
