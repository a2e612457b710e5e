"""Authentication middleware for session cookies, JSON Web Tokens and API keys."""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from time import monotonic
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from framecloak.domain.accounts.service import AccountService
from framecloak.domain.accounts.sign_on.service import SignOnService
from framecloak.domain.errors import CsrfError, NotAuthenticatedError, PasswordChangeRequiredError
from framecloak.domain.model.accounts import Means, Principal
from framecloak.entrypoints.asgi.client_address import client_address
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.rate_limit import RateLimiter

CSRF_HEADER = "X-CSRFToken"
API_KEY_HEADER = "X-API-Key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

MAX_CACHED_CREDENTIALS = 10_000
"""Maximum number of credentials in the cache of a process."""

_METHOD_BY_SCHEME = {"bearer": Means.JWT, "token": Means.API_KEY}

Connection = ASGIConnection[Any, Any, Any, Any]


class Access(StrEnum):
    """Access to an endpoint, set as ``opt["access"]``; a credential is required by default."""

    SIGNED_IN = "signed_in"
    ANYONE = "anyone"
    """Credentials are ignored."""
    CREDENTIAL_OPTIONAL = "strangers_too"
    """A credential is optional; callers with a valid one see more."""


@dataclass(frozen=True)
class Credential:
    """Credential of a request.

    Attributes:
        method: kind of the credential.
        secret: secret value of the credential.
    """

    method: Means
    secret: str = field(repr=False)

    @cached_property
    def digest(self) -> bytes:
        """Digest used as cache key; the secret itself is not kept in memory."""
        return sha256(f"{self.method}:{self.secret}".encode("utf-8", "surrogatepass")).digest()


class PrincipalCache:
    """Short-lived cache of the principals of validated credentials.

    Args:
        ttl_seconds: lifetime of an entry in seconds.
    """

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._entries: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self.generation = 0
        """Incremented when entries are removed: results of look-ups started before must not be stored."""

    def get(self, digest: bytes) -> Principal | None:
        """Return the principal of a credential; None if it is not cached or its entry has expired."""
        entry = self._entries.get(digest)
        if entry is None or entry[0] <= monotonic():
            return None
        return entry[1]

    def was_valid(self, digest: bytes) -> bool:
        """Return True if the credential was valid at its last look-up, even if its entry has expired."""
        return digest in self._entries

    def put(self, digest: bytes, principal: Principal, generation: int) -> None:
        """Store a principal, unless entries were removed since the look-up started at ``generation``."""
        if generation != self.generation:
            return
        self._entries[digest] = (monotonic() + self._ttl_seconds, principal)
        self._entries.move_to_end(digest)
        if len(self._entries) > MAX_CACHED_CREDENTIALS:
            self._entries.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        """Remove a credential that is invalid; it then counts for the rate limit of its address again."""
        self._entries.pop(digest, None)

    def forget_credential(self, digest: bytes) -> None:
        """Remove a credential that was revoked, and discard the results of running look-ups."""
        self.generation += 1
        self.drop(digest)

    def forget_account(self, user_id: int) -> None:
        """Remove all credentials of an account, and discard the results of running look-ups."""
        self.generation += 1
        for digest in [key for key, (_, owner) in self._entries.items() if owner.user_id == user_id]:
            del self._entries[digest]


class Authenticator:
    """Authentication of requests.

    Args:
        accounts: accounts and their credentials.
        sign_on: single sign-on, which authenticates tokens of the identity provider; None without one.
        limiter: rate limiter.
        config: names of the cookies and key of CSRF tokens.
    """

    def __init__(
        self,
        accounts: AccountService,
        sign_on: SignOnService | None,
        limiter: RateLimiter,
        config: HttpConfig,
    ) -> None:
        self._accounts = accounts
        self._sign_on = sign_on
        self._limiter = limiter
        self._config = config
        self._cache = PrincipalCache(config.principal_ttl.total_seconds())
        self._running_lookups: dict[tuple[bytes, int], asyncio.Future[Principal]] = {}

    async def authenticate(self, connection: Connection, access: Access) -> Principal | None:
        """Authenticate a request and count it for the rate limits.

        The request counts for its address before the credential is checked, which limits guessing. A request
        with a recently validated credential is no guess and counts only for its account.

        Returns:
            The caller; None for requests without a credential if the endpoint allows them.

        Raises:
            NotAuthenticatedError: the credential is missing or invalid.
            CsrfError: a request with a session cookie changes data and has no valid CSRF token.
            RateExceededError: a rate limit is exceeded.
        """
        if access is Access.ANYONE:
            await self._limiter.admit_address(client_address(connection.scope))
            return None
        try:
            principal = await self._identify(connection)
        except NotAuthenticatedError:
            if access is Access.CREDENTIAL_OPTIONAL:
                return None
            raise
        await self._limiter.admit_principal(principal)
        return principal

    async def identify(self, connection: Connection) -> Principal:
        """Return the caller of a long-lived connection that was admitted before.

        Raises:
            NotAuthenticatedError: the credential is no longer valid.
        """
        return await self._identify(connection)

    def forget_account(self, user_id: int) -> None:
        """Remove the credentials of an account from the cache, because they may have become invalid."""
        self._cache.forget_account(user_id)

    def forget_session(self, secret: str) -> None:
        """Remove a session that has ended from the cache."""
        self._cache.forget_credential(Credential(Means.SESSION, secret).digest)

    def session_secret(self, connection: Connection) -> str | None:
        """Return the value of the session cookie; None if there is none."""
        return connection.cookies.get(self._config.session_cookie_name)

    async def _identify(self, connection: Connection) -> Principal:
        credential = None
        try:
            credential = self._read_credential(connection)
        finally:
            if credential is None or not self._cache.was_valid(credential.digest):
                await self._limiter.admit_address(client_address(connection.scope))
        if credential is None:
            raise NotAuthenticatedError("a credential is required", "sign in, or send a token or an API key")
        principal = self._cache.get(credential.digest) or await self._look_up_shared(credential)
        if principal.auth_method is Means.SESSION and connection.scope.get("method") not in SAFE_METHODS:
            self._require_csrf(connection, credential.secret)
        return principal

    def _read_credential(self, connection: Connection) -> Credential | None:
        """Return the credential of a request; a header takes precedence over the session cookie.

        Raises:
            NotAuthenticatedError: the scheme of the Authorization header is not supported.
        """
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, secret = header.strip().partition(" ")
            means = _METHOD_BY_SCHEME.get(scheme.lower())
            if means is None or not secret.strip():
                raise NotAuthenticatedError(
                    "the Authorization header is not supported", "send 'Bearer <jwt>' or 'Token <key>'"
                )
            return Credential(means, secret.strip())
        key = connection.headers.get(API_KEY_HEADER)
        if key is not None:
            return Credential(Means.API_KEY, key.strip())
        secret_of_session = self.session_secret(connection)
        return Credential(Means.SESSION, secret_of_session) if secret_of_session else None

    async def _look_up_shared(self, credential: Credential) -> Principal:
        """Look a credential up; concurrent requests with the same credential share one look-up."""
        key = credential.digest, self._cache.generation
        lookup = self._running_lookups.get(key)
        if lookup is None:
            lookup = asyncio.ensure_future(self._look_up(credential))
            self._running_lookups[key] = lookup
            lookup.add_done_callback(lambda done: self._finish_lookup(key, done))
        # A client that disconnects must not cancel the look-up of the others.
        return await asyncio.shield(lookup)

    def _finish_lookup(self, key: tuple[bytes, int], done: asyncio.Future[Principal]) -> None:
        del self._running_lookups[key]
        # Retrieve the exception: asyncio would log an error if all waiting clients have disconnected.
        done.cancelled() or done.exception()

    async def _look_up(self, credential: Credential) -> Principal:
        generation = self._cache.generation
        try:
            principal = await self._validate(credential)
        except NotAuthenticatedError:
            self._cache.drop(credential.digest)
            raise
        self._cache.put(credential.digest, principal, generation)
        return principal

    async def _validate(self, credential: Credential) -> Principal:
        match credential.method:
            case Means.JWT:
                if self._sign_on is not None and self._sign_on.has_issued(credential.secret):
                    return await self._sign_on.authenticate(credential.secret)
                return await self._accounts.authenticate_access_token(credential.secret)
            case Means.API_KEY:
                return await self._accounts.authenticate_api_key(credential.secret)
            case _:
                return await self._accounts.authenticate_session(credential.secret)

    def _require_csrf(self, connection: Connection, session_secret: str) -> None:
        sent = connection.headers.get(CSRF_HEADER, "")
        expected = csrf_token(self._config.csrf_secret, session_secret)
        if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), expected.encode("ascii")):
            raise CsrfError(
                f"{CSRF_HEADER} is missing or wrong",
                f"send the value of the cookie {self._config.csrf_cookie}, which is set at sign-in",
            )


class AuthenticationMiddleware(ASGIMiddleware):
    """Middleware that authenticates requests before their body is read and sets ``scope["user"]``.

    Args:
        authenticator: authentication of requests.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate a request, then call the application."""
        options = scope["route_handler"].opt
        if not options.get("unlimited"):
            access = Access(options.get("access", Access.SIGNED_IN))
            caller = await self._authenticator.authenticate(ASGIConnection(scope), access)
            if caller and caller.must_change_password and not options.get("temporary_password"):
                raise PasswordChangeRequiredError(
                    "the password was set by an administrator and must be changed first",
                    "change it at POST /api/auth/password",
                )
            scope["user"] = caller
        await next_app(scope, receive, send)


def administrators_only(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard that admits administrators only, before the body is read.

    Raises:
        ForbiddenError: the caller is not an administrator.
    """
    caller: Principal = connection.user
    caller.require_admin()


def csrf_token(key: bytes, session_secret: str) -> str:
    """Return the CSRF token of a session.

    It is a keyed digest of the session's secret. Cookies that another host of the domain has set in a browser
    are therefore useless: only this service can create the token of a session.
    """
    message = f"csrf:{session_secret}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, sha256).hex()
