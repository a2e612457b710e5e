"""JSON Web Tokens of accounts: which are good, and how they are renewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from framecloak.domain.accounts.model import Means, Principal, User, enabled, principal_of
from framecloak.domain.errors import NotAuthenticatedError, UserNotFoundError
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.services import TokenIssuer, TokenPair


class Tokens:
    """Issues tokens, and holds them against the accounts they belong to.

    Args:
        database: where accounts are.
        issuer: signs and reads tokens.
        digest: what is stored in place of a secret.
    """

    def __init__(self, database: Database, issuer: TokenIssuer, digest: Callable[[str], bytes]) -> None:
        self._database = database
        self._issuer = issuer
        self._digest = digest

    def issue(self, user: User) -> TokenPair:
        """A new pair, worthless once the account changes."""
        return self._issuer.issue(user.id, user.token_generation)

    async def principal(self, access: str) -> Principal:
        """Who an access token belongs to.

        Raises:
            NotAuthenticatedError: it is not good (any more), or the account is disabled or gone.
        """
        subject = self._issuer.verify_access(access)
        async with self._database.unit_of_work() as work:
            try:
                user = await work.users.get(subject.user_id)
            except UserNotFoundError:
                user = None
        return principal_of(enabled(_of_generation(user, subject.generation)), Means.JWT)

    async def refresh(self, refresh: str) -> TokenPair:
        """Exchange a refresh token for a new pair, which uses it up.

        One that comes a second time was stolen, or what came first was: nobody can tell who holds which, so
        all tokens of the account become worthless (RFC 9700, section 4.14).

        Raises:
            NotAuthenticatedError: it is not good (any more), was used, or the account is disabled or gone.
        """
        shown = self._issuer.verify_refresh(refresh)
        async with self._database.unit_of_work() as work:
            try:
                found = await work.users.lock(shown.subject.user_id)
            except UserNotFoundError:
                found = None
            user = enabled(_of_generation(found, shown.subject.generation))
            unused = await work.refresh_tokens.use(self._digest(shown.id), user.id, shown.expires_at)
            if not unused:
                await work.users.update(replace(user, token_generation=user.token_generation + 1))
                await work.audit.add(principal_of(user, Means.JWT), "token.reuse", f"user:{user.id}", {})
            await work.commit()
        if not unused:
            raise NotAuthenticatedError("the refresh token was used before", "sign in again")
        return self.issue(user)


def _of_generation(user: User | None, generation: int) -> User | None:
    return user if user is not None and user.token_generation == generation else None
