"""API keys of accounts, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from framecloak.domain.accounts.secrets import SecretFactory
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.model.accounts import ApiKey, Principal
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database

KEY_PREFIX = "fck_"
VISIBLE_KEY_CHARACTERS = len(KEY_PREFIX) + 6
"""Number of leading characters of an API key that stay visible, to identify the key in lists."""


@dataclass(frozen=True, slots=True)
class ApiKeyService:
    """Creation, listing and revocation of the caller's API keys.

    Attributes:
        database: storage of API keys.
        secrets: generator of their secrets.
        clock: current time (UTC).
    """

    database: Database
    secrets: SecretFactory
    clock: Clock

    async def create(
        self, principal: Principal, name: str, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Create an API key for the caller, and return it with its secret, which is shown only once.

        Raises:
            InvalidOptionError: the key has no name, or its expiry is in the past.
        """
        if not name.strip() or len(name) > 100:
            raise InvalidOptionError("a key needs a name of 1 to 100 characters", "name its purpose")
        if expires_at is not None and expires_at <= self.clock.now():
            raise InvalidOptionError("the key would have expired already", "choose a later time")
        secret = self.secrets.new(KEY_PREFIX)
        digest = self.secrets.digest(secret)
        async with self.database.unit_of_work() as work:
            key = await work.api_keys.add(
                principal.user_id, name.strip(), secret[:VISIBLE_KEY_CHARACTERS], digest, expires_at
            )
            await work.audit.add(principal, "api_key.create", f"api_key:{key.id}", {})
            await work.commit()
        return key, secret

    async def list(self, principal: Principal) -> Sequence[ApiKey]:
        """Return the caller's keys, newest first."""
        async with self.database.unit_of_work() as work:
            return await work.api_keys.list(principal.user_id)

    async def revoke(self, principal: Principal, key_id: int) -> None:
        """Revoke a key of the caller.

        Raises:
            ApiKeyNotFoundError: the caller has no such key.
        """
        async with self.database.unit_of_work() as work:
            await work.api_keys.remove(key_id, principal.user_id)
            await work.audit.add(principal, "api_key.revoke", f"api_key:{key_id}", {})
            await work.commit()
