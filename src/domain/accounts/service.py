"""Use cases around accounts: sign in, prove who you are, keys for programs, administration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from framecloak.domain.accounts.model import (
    ApiKey,
    Means,
    Principal,
    Role,
    Session,
    User,
    enabled,
    principal_of,
)
from framecloak.domain.accounts.passwords import (
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    Passwords,
    wrong_credentials,
)
from framecloak.domain.accounts.tokens import Tokens
from framecloak.domain.errors import InvalidOptionError, NotAuthenticatedError, UsernameTakenError
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.services import AttemptLimiter, Clock, PasswordHasher, TokenIssuer, TokenPair

__all__ = [
    "KEY_PREFIX",
    "LONGEST_PASSWORD",
    "SHORTEST_PASSWORD",
    "SHOWN_CHARACTERS",
    "Identity",
    "Secrets",
    "SignedIn",
]

KEY_PREFIX = "fck_"
SHOWN_CHARACTERS = len(KEY_PREFIX) + 6
"""How much of an API key stays visible, to tell keys apart."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """How random secrets are made and remembered.

    Attributes:
        new: makes a secret of 256 random bits with a prefix.
        digest: what is stored in its place.
    """

    new: Callable[[str], str]
    digest: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that just signed in.

    Attributes:
        secret: for the cookie; shown this once.
        user: who it is.
        expires_at: UTC.
    """

    secret: str = field(repr=False)
    user: User
    expires_at: datetime


class Identity:
    """Who is who.

    Args:
        database: where accounts are.
        hasher: keeps passwords.
        tokens: issues JWTs.
        limiter: counts failed tries.
        secrets: makes session secrets and API keys.
        clock: tells the time.
        session_lasts: how long a browser stays signed in.
    """

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        tokens: TokenIssuer,
        limiter: AttemptLimiter,
        secrets: Secrets,
        clock: Clock,
        session_lasts: timedelta = timedelta(hours=12),
    ) -> None:
        self._database = database
        self._passwords = Passwords(database, hasher, limiter)
        self._tokens = Tokens(database, tokens, secrets.digest)
        self._secrets = secrets
        self._clock = clock
        self._session_lasts = session_lasts

    async def sign_in(
        self, username: str, password: str, address: str, before: str | None = None
    ) -> SignedIn:
        """Sign a browser in.

        Args:
            username: of the account, whatever its case.
            password: of the account.
            address: where the browser is.
            before: the secret of the session that the browser had so far, which ends; no matter whose it was.

        Raises:
            InvalidCredentialsError: name and password do not belong together, or the account is disabled.
            TooManyAttemptsError: too many tries of this name, or from this address.
        """
        checked = await self._passwords.check(username, password, address)
        secret = self._secrets.new("")
        now = self._clock.now()
        session = Session(self._secrets.digest(secret), checked.id, now + self._session_lasts)
        async with self._database.unit_of_work() as work:
            # The password may have been changed, and its sessions ended, while it was checked.
            user = await work.users.lock(checked.id)
            if user.disabled or user.password_hash != checked.password_hash:
                raise wrong_credentials()
            if before:
                # Nobody could end it any more once the browser has forgotten it.
                await work.sessions.remove(self._secrets.digest(before))
            await work.sessions.add(session)
            caller, details = principal_of(user, Means.SESSION), {"address": address}
            await work.audit.add(caller, "session.open", f"user:{user.id}", details)
            await work.commit()
        return SignedIn(secret, user, session.expires_at)

    async def sign_out(self, secret: str) -> None:
        """Sign a browser out; no matter if it was not signed in."""
        digest = self._secrets.digest(secret)
        async with self._database.unit_of_work() as work:
            user = await work.sessions.find(digest, self._clock.now())
            await work.sessions.remove(digest)
            if user is not None:
                caller = principal_of(user, Means.SESSION)
                await work.audit.add(caller, "session.close", f"user:{user.id}", {})
            await work.commit()

    async def sign_out_everywhere(self, principal: Principal) -> None:
        """End the caller's sign-ins: every browser's session and every JWT. API keys stay.

        Raises:
            UserNotFoundError: the account is gone.
        """
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(principal.user_id)
            await work.users.update(replace(user, token_generation=user.token_generation + 1))
            await work.sessions.remove_of(user.id)
            await work.audit.add(principal, "session.close_all", f"user:{user.id}", {})
            await work.commit()

    async def issue_tokens(self, username: str, password: str, address: str) -> TokenPair:
        """Exchange a password for JWTs.

        Raises:
            InvalidCredentialsError: as for ``sign_in``.
            TooManyAttemptsError: as for ``sign_in``.
        """
        user = await self._passwords.check(username, password, address)
        async with self._database.unit_of_work() as work:
            caller = principal_of(user, Means.JWT)
            await work.audit.add(caller, "token.issue", f"user:{user.id}", {"address": address})
            await work.commit()
        # Those of a password that is changed at this moment carry its generation, and are worthless.
        return self._tokens.issue(user)

    async def refresh_tokens(self, refresh: str) -> TokenPair:
        """Exchange a refresh token for new JWTs; a second time, it ends all JWTs of the account instead.

        Raises:
            NotAuthenticatedError: it is not good (any more), was used, or the account is disabled or gone.
        """
        return await self._tokens.refresh(refresh)

    async def by_session(self, secret: str) -> Principal:
        """Who a session cookie belongs to.

        Raises:
            NotAuthenticatedError: it is not good, or the account is disabled.
        """
        async with self._database.unit_of_work() as work:
            user = await work.sessions.find(self._secrets.digest(secret), self._clock.now())
        return principal_of(enabled(user), Means.SESSION)

    async def by_access_token(self, token: str) -> Principal:
        """Who an access token belongs to.

        Raises:
            NotAuthenticatedError: it is not good (any more), or the account is disabled or gone.
        """
        return await self._tokens.principal(token)

    async def by_api_key(self, secret: str) -> Principal:
        """Who an API key belongs to.

        Raises:
            NotAuthenticatedError: it is not good, or the account is disabled.
        """
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            found = await work.api_keys.find(self._secrets.digest(secret), now)
            if found is None:
                raise NotAuthenticatedError("the API key is not valid", "create a new one")
            key, user = found
            principal = principal_of(enabled(user), Means.API_KEY)
            minute = now.replace(second=0, microsecond=0)
            if key.last_used_at is None or key.last_used_at < minute:
                await work.api_keys.touch(key.id, minute)
                await work.commit()
        return principal

    async def create_api_key(
        self, principal: Principal, name: str, expires_at: datetime | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key for the caller; the secret is returned this once.

        Raises:
            InvalidOptionError: it would have expired already, or has no name.
        """
        if not name.strip() or len(name) > 100:
            raise InvalidOptionError("a key needs a name of 1 to 100 characters", "say what it is for")
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidOptionError("the key would have expired already", "choose a later moment")
        secret = self._secrets.new(KEY_PREFIX)
        digest = self._secrets.digest(secret)
        async with self._database.unit_of_work() as work:
            key = await work.api_keys.add(
                principal.user_id, name.strip(), secret[:SHOWN_CHARACTERS], digest, expires_at
            )
            await work.audit.add(principal, "api_key.create", f"api_key:{key.id}", {})
            await work.commit()
        return key, secret

    async def list_api_keys(self, principal: Principal) -> Sequence[ApiKey]:
        """The caller's keys, newest first."""
        async with self._database.unit_of_work() as work:
            return await work.api_keys.list(principal.user_id)

    async def revoke_api_key(self, principal: Principal, key_id: int) -> None:
        """Make a key of the caller worthless.

        Raises:
            ApiKeyNotFoundError: the caller has no such key.
        """
        async with self._database.unit_of_work() as work:
            await work.api_keys.remove(key_id, principal.user_id)
            await work.audit.add(principal, "api_key.revoke", f"api_key:{key_id}", {})
            await work.commit()

    async def create_user(self, principal: Principal, username: str, password: str, role: Role) -> User:
        """Open an account; for administrators.

        Raises:
            ForbiddenError: the caller is none.
            UsernameTakenError: there is one of that name.
            WeakPasswordError: the password is too short.
            InvalidOptionError: the name cannot be one.
        """
        principal.require_admin()
        name = username.strip()
        if not name or len(name) > 150 or not name.isprintable():
            raise InvalidOptionError("a user name has 1 to 150 printable characters", "choose another name")
        password_hash = await self._passwords.hashed(password)
        async with self._database.unit_of_work() as work:
            user = await work.users.add(name, password_hash, role)
            await work.audit.add(principal, "user.create", f"user:{user.id}", {"role": role})
            await work.commit()
        return user

    async def list_users(self, principal: Principal, limit: int, offset: int) -> Page[User]:
        """All accounts, oldest first; for administrators.

        Raises:
            ForbiddenError: the caller is none.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.users.list(limit, offset)

    async def get_user(self, principal: Principal, user_id: int) -> User:
        """One account; the caller's own, or any for administrators.

        Raises:
            ForbiddenError: it is somebody else's and the caller is no administrator.
            UserNotFoundError: there is none.
        """
        if user_id != principal.user_id:
            principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.users.get(user_id)

    async def change_user(
        self,
        principal: Principal,
        user_id: int,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change an account; for administrators. What is None stays. Its browsers and JWTs are signed out.

        Raises:
            ForbiddenError: the caller is none.
            InvalidOptionError: the caller would lock itself out, or no administrator would be left.
            UserNotFoundError: there is none.
            WeakPasswordError: the password is too short.
        """
        principal.require_admin()
        may_demote = disabled or role is Role.USER
        if may_demote and user_id == principal.user_id:
            raise InvalidOptionError("you would lock yourself out", "have another administrator do it")
        password_hash = None if password is None else await self._passwords.hashed(password)
        async with self._database.unit_of_work() as work:
            # Locked in this order everywhere, so that two of them never wait for each other.
            administrators = await work.users.lock_administrators() if may_demote else 0
            user = await work.users.lock(user_id)
            if may_demote and user.is_administrator and administrators == 1:
                raise InvalidOptionError(
                    f"{user.username} is the last administrator", "make somebody else one first"
                )
            changed = replace(
                user,
                role=role or user.role,
                disabled=user.disabled if disabled is None else disabled,
                password_hash=password_hash or user.password_hash,
                token_generation=user.token_generation + 1,
            )
            await work.users.update(changed)
            await work.sessions.remove_of(user_id)
            details = {"role": changed.role, "disabled": changed.disabled, "password": password is not None}
            await work.audit.add(principal, "user.change", f"user:{user_id}", details)
            await work.commit()
        return changed

    async def first_administrator(self, username: str, password: str) -> User | None:
        """Open an administrator's account if there is no account at all, else do nothing.

        Raises:
            WeakPasswordError: the password is too short.
            InvalidOptionError: the name cannot be one.
        """
        async with self._database.unit_of_work() as work:
            if (await work.users.list(1, 0)).total:
                return None
        operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
        try:
            return await self.create_user(operator, username, password, Role.ADMIN)
        except UsernameTakenError:
            # Another process that starts at the same moment was quicker.
            return None
