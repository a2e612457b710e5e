"""Use cases of single sign-on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from framecloak.domain.accounts.names import NameSkeletons
from framecloak.domain.accounts.passwords import LOGIN_WINDOW, MAX_FAILURES_PER_ADDRESS, TooManySignInsError
from framecloak.domain.accounts.secrets import NewSession, SecretFactory
from framecloak.domain.accounts.sign_on.accounts import ExternalAccounts, require_admitted
from framecloak.domain.accounts.sign_on.attempts import ATTEMPT_TTL, Attempts
from framecloak.domain.accounts.sign_on.group_roles import GroupRoles
from framecloak.domain.accounts.sign_on.identity_provider import ExternalIdentity, IdentityProvider, SignedOn
from framecloak.domain.errors import (
    IdentityProviderUnavailableError,
    InvalidOptionError,
    NotAdmittedError,
    SignOnDeniedError,
    SignOnExpiredError,
    SignOnStateError,
)
from framecloak.domain.model.accounts import Means, Principal, Role, Session, User, principal_of
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database, UnitOfWork
from framecloak.domain.ports.limits import AttemptLimiter

MAX_ID_TOKEN_LENGTH = 4096
"""Maximum number of characters of an ID token that is sent back at sign-out: it is part of an address."""

MAX_SUBJECT_LENGTH = 255
"""Maximum number of characters of a subject (OpenID Connect Core, section 2)."""


@dataclass(frozen=True, slots=True)
class SignOnPolicy:
    """Rules of single sign-on.

    Attributes:
        name: name of the identity provider, as the sign-in page shows it.
        redirect_uri: address to which the provider sends browsers back after they signed in.
        home: address to which the provider sends browsers back after they signed out.
        group_roles: roles of accounts by the groups of their identities.
        creates_accounts: whether an identity without an account gets one at its first sign-in.
        key: at least 32 secret bytes, used for this purpose only.
    """

    name: str
    redirect_uri: str
    home: str
    group_roles: GroupRoles = field(default_factory=GroupRoles)
    creates_accounts: bool = True
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of the identity provider, as the browser brings it.

    Attributes:
        state: state of the attempt.
        code: code to exchange for the identity; empty if there is none.
        error: error code (RFC 6749, section 4.1.2.1); empty if there is none.
        issuer: issuer of the answer (RFC 9207); empty if the provider does not name it.
    """

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    issuer: str = ""


class SignOnService:
    """Sign-in of browsers and authentication of programs with an identity provider.

    Args:
        database: storage of accounts and sessions.
        provider: identity provider.
        limiter: counter of failed attempts.
        secrets: generator of session secrets.
        clock: current time (UTC).
        name_skeletons: returns the skeletons of a name.
        policy: rules of single sign-on.
        session_ttl: lifetime of a browser session.
    """

    def __init__(
        self,
        database: Database,
        provider: IdentityProvider,
        limiter: AttemptLimiter,
        secrets: SecretFactory,
        clock: Clock,
        name_skeletons: NameSkeletons,
        policy: SignOnPolicy,
        session_ttl: timedelta = timedelta(hours=12),
    ) -> None:
        self._database = database
        self._provider = provider
        self._limiter = limiter
        self._secrets = secrets
        self._clock = clock
        self._policy = policy
        self._session_ttl = session_ttl
        self._attempts = Attempts(policy.key, policy.redirect_uri)
        self._accounts = ExternalAccounts(
            policy.group_roles, name_skeletons, creates_accounts=policy.creates_accounts
        )

    @property
    def provider_name(self) -> str:
        """Name of the identity provider, as the sign-in page shows it."""
        return self._policy.name

    def has_issued(self, token: str) -> bool:
        """Return True if a token claims to be of the identity provider."""
        return self._provider.has_issued(token)

    async def begin(self) -> tuple[str, str]:
        """Begin a sign-in.

        Returns:
            Address at which the user signs in, and secret that the browser keeps until then.

        Raises:
            IdentityProviderUnavailableError: the provider does not answer.
        """
        secret, attempt = self._attempts.begin(self._secrets.new(""), self._clock.now())
        return await self._provider.authorization_url(attempt), secret

    async def finish(
        self, answer: Answer, secret: str | None, address: str, previous_secret: str | None = None
    ) -> NewSession:
        """Finish a sign-in and open a session.

        Args:
            answer: answer of the provider.
            secret: secret that ``begin`` returned to this browser; None if it sent none.
            address: IP address of the browser.
            previous_secret: secret of the browser's previous session, which is ended.

        Raises:
            SignOnStateError: the answer does not belong to a sign-in of this browser.
            SignOnExpiredError: the sign-in took too long, or its answer was used before.
            SignOnDeniedError: the provider refused the sign-in, or the user cancelled it.
            NotAdmittedError: the identity may not use this installation.
            NotAuthenticatedError: the provider's ID token is not valid; see ``IdentityProvider.redeem``.
            IdentityProviderUnavailableError: the provider does not answer.
            TooManySignInsError: too many failures from this address.
        """
        by_address = f"sign-on:address:{address}"
        wait = await self._limiter.hit(by_address, MAX_FAILURES_PER_ADDRESS, LOGIN_WINDOW)
        if wait:
            raise TooManySignInsError(MAX_FAILURES_PER_ADDRESS, wait)
        try:
            signed_on = await self._redeem(answer, secret)
            session = await self._open_session(signed_on, address, previous_secret)
        except IdentityProviderUnavailableError:
            # An outage must not lock out all users of an office afterwards.
            await self._limiter.give_back(by_address)
            raise
        await self._limiter.give_back(by_address)
        return session

    async def authenticate(self, access_token: str) -> Principal:
        """Authenticate a caller by an access token of the provider.

        The token never gives more than the last sign-in of the account gave, and never more than its own
        groups give: a token that was issued before a group was withdrawn does not bring a role back.

        Raises:
            NotAdmittedError: the identity may not use this installation.
            NotAuthenticatedError: the token is not valid; see ``IdentityProvider.identity_of``.
            IdentityProviderUnavailableError: the keys of the provider cannot be fetched.
        """
        identity = await self._provider.identity_of(access_token)
        role = self._accounts.role_of(identity)
        async with self._database.unit_of_work() as work:
            user = await work.external_identities.find_user(identity.issuer, identity.subject)
        if user is None:
            user = await self._in_transaction(
                lambda work: self._accounts.open(work, identity, Means.SSO_TOKEN)
            )
        principal = principal_of(require_admitted(user), Means.SSO_TOKEN)
        return replace(principal, role=Role.USER) if role is Role.USER else principal

    async def end_session_url(self, session_secret: str) -> str | None:
        """Return the address that ends the session at the provider; None if there is none.

        A provider that does not answer must not keep a user from signing out here.
        """
        async with self._database.unit_of_work() as work:
            session = await work.sessions.find(self._secrets.digest(session_secret))
        if session is None or session.id_token is None:
            return None
        try:
            return await self._provider.end_session_url(session.id_token, self._policy.home)
        except IdentityProviderUnavailableError:
            return None

    async def link(self, principal: Principal, user_id: int, subject: str) -> User:
        """Make an account sign in at the provider only, as one identity; for administrators.

        Its password, sessions and JWTs become invalid.

        Args:
            principal: caller.
            user_id: account to link.
            subject: identifier of the user at the provider.

        Raises:
            ForbiddenError: the caller is not an administrator.
            UserNotFoundError: the account does not exist.
            InvalidOptionError: the identity belongs to another account or is not valid, or the account is the
                caller's own.
        """
        _require_other(principal, user_id)
        if not subject.strip() or len(subject) > MAX_SUBJECT_LENGTH or not subject.isprintable():
            raise InvalidOptionError(
                f"a subject has 1 to {MAX_SUBJECT_LENGTH} printable characters",
                "copy the claim `sub` of the user from the identity provider",
            )
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(user_id)
            await work.external_identities.remove_all_of_user(user_id)
            if not await work.external_identities.add(self._provider.issuer, subject, user_id):
                raise InvalidOptionError(
                    "the identity is linked to another account", "unlink or remove that account first"
                )
            changed = await self._without_credentials(work, user)
            details = {"issuer": self._provider.issuer, "subject": subject}
            await work.audit.add(principal, "user.link", f"user:{user_id}", details)
            await work.commit()
        return changed

    async def unlink(self, principal: Principal, user_id: int) -> User:
        """Unlink an account, which cannot sign in until it gets a password; for administrators.

        Raises:
            ForbiddenError: the caller is not an administrator.
            UserNotFoundError: the account does not exist.
            InvalidOptionError: the account is not linked, or is the caller's own.
        """
        _require_other(principal, user_id)
        async with self._database.unit_of_work() as work:
            user = await work.users.lock(user_id)
            if not await work.external_identities.is_linked(user_id):
                raise InvalidOptionError(f"{user.username} is not linked to an identity", "nothing is to do")
            await work.external_identities.remove_all_of_user(user_id)
            changed = await self._without_credentials(work, user)
            await work.audit.add(principal, "user.unlink", f"user:{user_id}", {})
            await work.commit()
        return changed

    async def _without_credentials(self, work: UnitOfWork, user: User) -> User:
        changed = replace(
            user,
            password_hash=None,
            must_change_password=False,
            token_generation=user.token_generation + 1,
        )
        await work.users.update(changed)
        await work.sessions.remove_all_of_user(user.id)
        return changed

    async def _redeem(self, answer: Answer, secret: str | None) -> SignedOn:
        attempt = self._attempts.resume(secret, answer.state, self._clock.now())
        if answer.issuer and answer.issuer != self._provider.issuer:
            raise SignOnStateError("the answer is of another identity provider", "sign in again")
        used = self._secrets.digest(attempt.state).hex()
        if await self._limiter.hit(f"sign-on:used:{used}", 1, ATTEMPT_TTL):
            raise SignOnExpiredError("the answer of the identity provider was used before", "sign in again")
        if answer.error or not answer.code:
            reason = answer.error if answer.error.isascii() and answer.error.isprintable() else ""
            raise SignOnDeniedError(
                f"the identity provider refused the sign-in ({reason[:60] or 'without a reason'})",
                "sign in again, or ask the operator of the identity provider",
            )
        return await self._provider.redeem(answer.code, attempt)

    async def _open_session(
        self, signed_on: SignedOn, address: str, previous_secret: str | None
    ) -> NewSession:
        secret, identity = self._secrets.new(""), signed_on.identity
        expires_at = self._clock.now() + self._session_ttl
        id_token = signed_on.id_token if len(signed_on.id_token) <= MAX_ID_TOKEN_LENGTH else ""

        async def open_for(work: UnitOfWork) -> User | None:
            user = await self._accounts.open(work, identity, Means.SESSION)
            if user is None:
                return None
            if previous_secret:
                # The browser forgets the old secret, so the session could never be ended later.
                await work.sessions.remove(self._secrets.digest(previous_secret))
            await work.sessions.add(Session(self._secrets.digest(secret), user.id, expires_at, id_token))
            details = {"address": address, "issuer": identity.issuer}
            await work.audit.add(
                principal_of(user, Means.SESSION), "session.open", f"user:{user.id}", details
            )
            return user

        try:
            user = await self._in_transaction(open_for)
        except NotAdmittedError as error:
            await self._record_refusal(identity, address, error.message)
            raise
        return NewSession(secret, user, expires_at)

    async def _in_transaction(self, step: Callable[[UnitOfWork], Awaitable[User | None]]) -> User:
        """Run a step in a transaction of its own, again if another one created the account meanwhile."""
        for _ in range(3):
            async with self._database.unit_of_work() as work:
                user = await step(work)
                if user is not None:
                    await work.commit()
                    return user
        raise NotAdmittedError("your account could not be created", "sign in again")

    async def _record_refusal(self, identity: ExternalIdentity, address: str, reason: str) -> None:
        async with self._database.unit_of_work() as work:
            user = await work.external_identities.find_user(identity.issuer, identity.subject)
            subject = f"user:{user.id}" if user else "user:unknown"
            details = {"address": address, "issuer": identity.issuer, "reason": reason}
            await work.audit.add(None, "session.refuse", subject, details)
            await work.commit()


def _require_other(principal: Principal, user_id: int) -> None:
    principal.require_admin()
    if user_id == principal.user_id:
        raise InvalidOptionError("you would lock yourself out", "ask another administrator")
