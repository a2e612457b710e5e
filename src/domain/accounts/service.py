"""Use cases of accounts: sign-in, authentication, administration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from framecloak.domain.accounts.names import NameSkeletons, require_name, require_unlike_others
from framecloak.domain.accounts.passwords import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    PasswordService,
    wrong_credentials,
)
from framecloak.domain.accounts.secrets import NewSession, SecretFactory
from framecloak.domain.accounts.tokens import TokenService
from framecloak.domain.errors import (
    InvalidOptionError,
    NoLocalPasswordError,
    NotAuthenticatedError,
    UsernameTakenError,
    WeakPasswordError,
)
from framecloak.domain.model.accounts import (
    Means,
    Principal,
    Role,
    Session,
    User,
    principal_of,
    require_enabled,
)
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, Page
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.security import PasswordHasher, TokenIssuer, TokenPair

__all__ = [
    "MAX_PASSWORD_LENGTH",
    "MIN_PASSWORD_LENGTH",
    "AccountService",
]

MAX_DISPLAY_NAME_LENGTH = 100


class AccountService:
    """Authentication and administration of accounts.

    Args:
        database: storage of accounts, sessions and API keys.
        hasher: password hashing.
        tokens: issuer of JWTs.
        limiter: counter of failed attempts.
        secrets: generator of session secrets, and digests of API keys.
        clock: current time (UTC).
        name_skeletons: returns the skeletons of a name.
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
        name_skeletons: NameSkeletons,
        session_ttl: timedelta = timedelta(hours=12),
    ) -> None:
        self._database = database
        self._passwords = PasswordService(database, hasher, limiter)
        self._tokens = TokenService(database, tokens, secrets.digest)
        self._secrets = secrets
        self._clock = clock
        self._session_ttl = session_ttl
        self._name_skeletons = name_skeletons

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
            raise _no_local_password(principal.username)
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

    async def create_user(self, principal: Principal, username: str, password: str, role: Role) -> User:
        """Create an account; for administrators.

        The password must be changed at the first sign-in, unless the operator of the installation sets it.

        Raises:
            ForbiddenError: the caller is not an administrator.
            UsernameTakenError: the name is in use, or looks like one that is.
            WeakPasswordError: the password is too short or too long.
            InvalidOptionError: the name is not allowed.
        """
        principal.require_admin()
        name = require_name(username)
        password_hash = await self._passwords.hash(password)
        async with self._database.unit_of_work() as work:
            await require_unlike_others(work, name, self._name_skeletons)
            user = await work.users.add(name, password_hash, role)
            if principal.auth_method is not Means.COMMAND:
                user = replace(user, must_change_password=True)
                await work.users.update(user)
            await work.audit.add(principal, "user.create", f"user:{user.id}", {"role": role})
            await work.commit()
        return user

    async def list_users(self, principal: Principal, limit: int, offset: int) -> Page[User]:
        """Return a page of all accounts, oldest first; for administrators.

        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        principal.require_admin()
        async with self._database.unit_of_work() as work:
            return await work.users.list(limit, offset)

    async def get_user(self, principal: Principal, user_id: int) -> User:
        """Return the caller's own account, or any account for administrators.

        Raises:
            ForbiddenError: the account belongs to another user and the caller is not an administrator.
            UserNotFoundError: the account does not exist.
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
        """Change an account; for administrators. Arguments that are None leave their field unchanged.

        All sessions and JWTs of the account become invalid. A new password must be changed at the next
        sign-in, unless the operator of the installation sets it, or the caller for the own account.

        Raises:
            ForbiddenError: the caller is not an administrator.
            InvalidOptionError: the caller would lock itself out, or no administrator would be left.
            NoLocalPasswordError: a password was given for an account that signs in at the identity provider;
                only the operator of the installation may set one, for emergencies.
            UserNotFoundError: the account does not exist.
            WeakPasswordError: the password is too short or too long.
        """
        principal.require_admin()
        may_demote = disabled or role is Role.USER
        if may_demote and user_id == principal.user_id:
            raise InvalidOptionError("you would lock yourself out", "ask another administrator")
        password_hash = None if password is None else await self._passwords.hash(password)
        is_one_time = principal.auth_method is not Means.COMMAND and user_id != principal.user_id
        async with self._database.unit_of_work() as work:
            # The same lock order everywhere prevents deadlocks.
            administrators = await work.users.lock_administrators() if may_demote else 0
            user = await work.users.lock(user_id)
            if may_demote and user.is_administrator and administrators == 1:
                raise InvalidOptionError(
                    f"{user.username} is the last administrator", "appoint another administrator first"
                )
            is_emergency = principal.auth_method is Means.COMMAND
            if password and not is_emergency and await work.external_identities.is_linked(user_id):
                raise _no_local_password(user.username)
            changed = replace(
                user,
                role=role or user.role,
                disabled=user.disabled if disabled is None else disabled,
                password_hash=password_hash or user.password_hash,
                token_generation=user.token_generation + 1,
                must_change_password=user.must_change_password if password is None else is_one_time,
            )
            await work.users.update(changed)
            await work.sessions.remove_all_of_user(user_id)
            details = {"role": changed.role, "disabled": changed.disabled, "password": password is not None}
            await work.audit.add(principal, "user.change", f"user:{user_id}", details)
            await work.commit()
        return changed

    async def create_first_administrator(self, username: str, password: str) -> User | None:
        """Create an administrator if there are no accounts yet; otherwise return None.

        Raises:
            WeakPasswordError: the password is too short or too long.
            InvalidOptionError: the name is not allowed.
        """
        async with self._database.unit_of_work() as work:
            if (await work.users.list(1, 0)).total:
                return None
        operator = Principal(0, "operator", Role.ADMIN, Means.COMMAND)
        try:
            return await self.create_user(operator, username, password, Role.ADMIN)
        except UsernameTakenError:
            # Another process that starts at the same time was faster.
            return None


def _no_local_password(username: str) -> NoLocalPasswordError:
    return NoLocalPasswordError(
        f"{username} signs in at the identity provider and has no password here",
        "change the password at the identity provider",
    )
