"""Use cases of accounts: sign-in, authentication, own profile and password."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from framecloak.domain.accounts.passwords import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    PasswordService,
    no_local_password,
    wrong_credentials,
)
from framecloak.domain.accounts.secrets import NewSession, SecretFactory
from framecloak.domain.accounts.tokens import TokenService
from framecloak.domain.errors import (
    InvalidOptionError,
    NotAuthenticatedError,
    WeakPasswordError,
)
from framecloak.domain.model.accounts import (
    Means,
    Principal,
    Session,
    User,
    principal_of,
    require_enabled,
)
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.security import PasswordHasher, TokenIssuer, TokenPair

__all__ = [
    "MAX_PASSWORD_LENGTH",
    "MIN_PASSWORD_LENGTH",
    "AccountService",
]

MAX_DISPLAY_NAME_LENGTH = 100


class AccountService:
    """Authentication of accounts, and what people change in their own.

    Args:
        database: storage of accounts, sessions and API keys.
        hasher: password hashing.
        tokens: issuer of JWTs.
        limiter: counter of failed attempts.
        secrets: generator of session secrets, and digests of API keys.
        clock: current time (UTC).
        session_ttl: lifetime of a browser session.
    """

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        tokens: TokenIssuer,
        limiter: AttemptLimiter,
        secrets: SecretFactory,
        clock: Clock,
        session_ttl: timedelta = timedelta(hours=12),
    ) -> None:
        self._database = database
        self._passwords = PasswordService(database, hasher, limiter)
        self._tokens = TokenService(database, tokens, secrets.digest)
        self._secrets = secrets
        self._clock = clock
        self._session_ttl = session_ttl

    async def sign_in(
        self, username: str, password: str, address: str, previous_secret: str | None = None
    ) -> NewSession:
        """Sign in a browser.

        Args:
            username: name of the account; case is ignored.
            password: password of the account.
            address: IP address of the browser.
            previous_secret: secret of the browser's previous session, which is ended, whichever account it
                belongs to.

        Raises:
            InvalidCredentialsError: the user name or the password is wrong, or the account is disabled.
            TooManyAttemptsError: too many attempts with this name or from this address.
        """
        checked = await self._passwords.check(username, password, address)
        secret = self._secrets.new("")
        now = self._clock.now()
        session = Session(self._secrets.digest(secret), checked.id, now + self._session_ttl)
        async with self._database.unit_of_work() as work:
            # The password may have been changed, and all sessions ended, during the check.
            user = await work.users.lock(checked.id)
            if user.disabled or user.password_hash != checked.password_hash:
                raise wrong_credentials()
            if previous_secret:
                # The browser forgets the old secret, so the session could never be ended later.
                await work.sessions.remove(self._secrets.digest(previous_secret))
            await work.sessions.add(session)
            caller, details = principal_of(user, Means.SESSION), {"address": address}
            await work.audit.add(caller, "session.open", f"user:{user.id}", details)
            await work.commit()
        return NewSession(secret, user, session.expires_at)

    async def sign_out(self, secret: str) -> None:
        """End a browser session; an unknown secret is ignored."""
        digest = self._secrets.digest(secret)
        async with self._database.unit_of_work() as work:
            user = await work.sessions.find_user(digest, self._clock.now())
            await work.sessions.remove(digest)
            if user is not None:
                caller = principal_of(user, Means.SESSION)
                await work.audit.add(caller, "session.close", f"user:{user.id}", {})
            await work.commit()

    async def change_own_password(
        self, principal: Principal, old_password: str, new_password: str, address: str
    ) -> NewSession:
        """Change the caller's password, end all sessions and JWTs of the account, and open a new session.

        API keys stay valid.

        Args:
            principal: caller.
            old_password: current password; wrong ones count as failed sign-ins.
            new_password: password that takes its place.
            address: IP address of the caller.

        Raises:
            InvalidCredentialsError: the old password is wrong, or was changed meanwhile.
            NoLocalPasswordError: the account signs in at the identity provider.
            TooManyAttemptsError: too many wrong passwords.
            WeakPasswordError: the new password is too short, too long, or the old one.
        """
        if not principal.has_password:
            raise no_local_password(principal.username)
        checked = await self._passwords.check(principal.username, old_password, address)
        if new_password == old_password:
            raise WeakPasswordError("the new password is the old one", "choose another password")
        password_hash = await self._passwords.hash(new_password)
        secret = self._secrets.new("")
        expires_at = self._clock.now() + self._session_ttl
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(checked.id)
            if user.id != principal.user_id or user.password_hash != checked.password_hash:
                raise wrong_credentials()
            changed = replace(
                user,
                password_hash=password_hash,
                token_generation=user.token_generation + 1,
                must_change_password=False,
            )
            await work.users.update(changed)
            await work.sessions.remove_all_of_user(user.id)
            await work.sessions.add(Session(self._secrets.digest(secret), user.id, expires_at))
            await work.audit.add(principal, "user.password", f"user:{user.id}", {"address": address})
            await work.commit()
        return NewSession(secret, changed, expires_at)

    async def sign_out_everywhere(self, principal: Principal) -> None:
        """End all sessions and invalidate all JWTs of the caller. API keys stay valid.

        Raises:
            UserNotFoundError: the account no longer exists.
        """
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(principal.user_id)
            await work.users.update(replace(user, token_generation=user.token_generation + 1))
            await work.sessions.remove_all_of_user(user.id)
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
        # If the password is changed concurrently, the tokens carry the old generation and are invalid.
        return self._tokens.issue(user)

    async def refresh_tokens(self, refresh: str) -> TokenPair:
        """Exchange a refresh token for new JWTs; reuse of a token invalidates all JWTs of the account.

        Raises:
            NotAuthenticatedError: the token is invalid or was used, or the account is disabled or deleted.
        """
        return await self._tokens.refresh(refresh)

    async def authenticate_session(self, secret: str) -> Principal:
        """Authenticate a caller by the secret of a session cookie.

        Raises:
            NotAuthenticatedError: the session is invalid, or the account is disabled.
        """
        async with self._database.unit_of_work() as work:
            user = await work.sessions.find_user(self._secrets.digest(secret), self._clock.now())
        return principal_of(require_enabled(user), Means.SESSION)

    async def authenticate_access_token(self, token: str) -> Principal:
        """Authenticate a caller by an access token.

        Raises:
            NotAuthenticatedError: the token is invalid, or the account is disabled or deleted.
        """
        return await self._tokens.authenticate(token)

    async def authenticate_api_key(self, secret: str) -> Principal:
        """Authenticate a caller by an API key.

        Raises:
            NotAuthenticatedError: the key is invalid, or the account is disabled.
        """
        now = self._clock.now()
        async with self._database.unit_of_work() as work:
            found = await work.api_keys.find(self._secrets.digest(secret), now)
            if found is None:
                raise NotAuthenticatedError("the API key is not valid", "create a new one")
            key, user = found
            principal = principal_of(require_enabled(user), Means.API_KEY)
            minute = now.replace(second=0, microsecond=0)
            if key.last_used_at is None or key.last_used_at < minute:
                await work.api_keys.touch(key.id, minute)
                await work.commit()
        return principal

    async def change_profile(
        self, principal: Principal, *, display_name: str | None = None, language: str | None = None
    ) -> User:
        """Change the caller's display name and language.

        Arguments that are None leave their field unchanged; an empty text removes it.

        Raises:
            InvalidOptionError: the display name is too long or not printable.
        """
        name = None if display_name is None else " ".join(display_name.split())
        if name and (len(name) > MAX_DISPLAY_NAME_LENGTH or not name.isprintable()):
            raise InvalidOptionError(
                f"a display name has up to {MAX_DISPLAY_NAME_LENGTH} printable characters",
                "choose another name",
            )
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(principal.user_id)
            changed = replace(
                user,
                display_name=user.display_name if name is None else name or None,
                language=user.language if language is None else language or None,
            )
            await work.users.update(changed)
            details: dict[str, object] = {"display_name": changed.display_name, "language": changed.language}
            await work.audit.add(principal, "user.profile", f"user:{user.id}", details)
            await work.commit()
        return changed
