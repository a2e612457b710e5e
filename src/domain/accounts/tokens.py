"""Verification and renewal of the JSON Web Tokens of accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from framecloak.domain.errors import NotAuthenticatedError, UserNotFoundError
from framecloak.domain.model.accounts import Means, Principal, User, principal_of, require_enabled
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.security import TokenIssuer, TokenPair


class TokenService:
    """Issuer and verifier of the tokens of accounts.

    Args:
        database: storage of accounts.
        issuer: signs and verifies tokens.
        digest: returns the digest that is stored instead of a secret.
    """

    def __init__(self, database: Database, issuer: TokenIssuer, digest: Callable[[str], bytes]) -> None:
        self._database = database
        self._issuer = issuer
        self._digest = digest

    def issue(self, user: User) -> TokenPair:
        """Return a new token pair, which becomes invalid when the account changes."""
        return self._issuer.issue(user.id, user.token_generation)

    async def authenticate(self, access: str) -> Principal:
        """Authenticate a caller by an access token.

        Raises:
            NotAuthenticatedError: the token is invalid, or the account is disabled or deleted.
        """
        subject = self._issuer.verify_access(access)
        async with self._database.unit_of_work() as work:
            try:
                user = await work.users.get(subject.user_id)
            except UserNotFoundError:
                user = None
        return principal_of(require_enabled(_if_current(user, subject.generation)), Means.JWT)

    async def refresh(self, refresh: str) -> TokenPair:
        """Exchange a refresh token for a new token pair. Each refresh token can be used once.

        If a token is used twice, either use may have been that of a thief. All tokens of the account are
        therefore invalidated (RFC 9700, section 4.14).

        Raises:
            NotAuthenticatedError: the token is invalid or was used, or the account is disabled or deleted.
        """
        token = self._issuer.verify_refresh(refresh)
        async with self._database.unit_of_work() as work:
            try:
                found = await work.users.lock(token.subject.user_id)
            except UserNotFoundError:
                found = None
            user = require_enabled(_if_current(found, token.subject.generation))
            unused = await work.refresh_tokens.mark_used(self._digest(token.id), user.id, token.expires_at)
            if not unused:
                await work.users.update(replace(user, token_generation=user.token_generation + 1))
                await work.audit.add(principal_of(user, Means.JWT), "token.reuse", f"user:{user.id}", {})
            await work.commit()
        if not unused:
            raise NotAuthenticatedError("the refresh token was used before", "sign in again")
        return self.issue(user)


def _if_current(user: User | None, generation: int) -> User | None:
    return user if user is not None and user.token_generation == generation else None
