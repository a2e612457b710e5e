"""Who is calling: one middleware for session cookies, JSON Web Tokens and API keys."""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Callable
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

from framecloak.domain.accounts.model import Means, Principal
from framecloak.domain.accounts.service import Identity
from framecloak.domain.errors import CsrfError, NotAuthenticatedError
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.rate_limit import RateLimiter, client_address

CSRF_HEADER = "X-CSRFToken"
API_KEY_HEADER = "X-API-Key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

MOST_REMEMBERED = 10_000
"""Credentials in the cache of one process."""

_MEANS_BY_SCHEME = {"bearer": Means.JWT, "token": Means.API_KEY}

Connection = ASGIConnection[Any, Any, Any, Any]


class Access(StrEnum):
    """Whom an endpoint is for; set as ``opt["access"]``. Without it, a credential is needed."""

    SIGNED_IN = "signed_in"
    ANYONE = "anyone"
    """Nobody looks at credentials."""
    STRANGERS_TOO = "strangers_too"
    """Who brings a good credential sees more."""


@dataclass(frozen=True)
class Credential:
    """What a caller shows.

    Attributes:
        means: which kind it is.
        secret: the proof.
    """

    means: Means
    secret: str = field(repr=False)

    @cached_property
    def digest(self) -> bytes:
        """What it is remembered by; the secret itself does not stay in memory."""
        return sha256(f"{self.means}:{self.secret}".encode("utf-8", "surrogatepass")).digest()


class PrincipalCache:
    """Remembers for a moment whom a credential belongs to.

    Args:
        seconds: how long a moment is.
        clock: seconds since some moment.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self.generation = 0
        """Grows when something is forgotten: what was looked up before that must not be remembered."""

    def get(self, digest: bytes) -> Principal | None:
        """Who it was a moment ago."""
        found = self._known.get(digest)
        if found is None or found[0] <= self._clock():
            return None
        return found[1]

    def was_good(self, digest: bytes) -> bool:
        """Whether it was good when it was last looked up, be that longer ago than a moment."""
        return digest in self._known

    def put(self, digest: bytes, principal: Principal, generation: int) -> None:
        """Remember, unless something was forgotten since ``generation``, when the look-up began."""
        if generation != self.generation:
            return
        self._known[digest] = (self._clock() + self._seconds, principal)
        self._known.move_to_end(digest)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        """Forget a credential that turned out not to be good: from now on it is as good as a guess."""
        self._known.pop(digest, None)

    def forget_one(self, digest: bytes) -> None:
        """Forget a credential that was good until now, at once."""
        self.generation += 1
        self.drop(digest)

    def forget(self, user_id: int) -> None:
        """Forget every credential of an account, at once."""
        self.generation += 1
        for digest in [key for key, (_, one) in self._known.items() if one.user_id == user_id]:
            del self._known[digest]


class Authenticator:
    """Finds out who is calling.

    Args:
        identity: knows the accounts.
        limiter: counts calls.
        config: names of cookies, the key of CSRF tokens.
    """

    def __init__(self, identity: Identity, limiter: RateLimiter, config: HttpConfig) -> None:
        self._identity = identity
        self._limiter = limiter
        self._config = config
        self._cache = PrincipalCache(config.principal_lasts.total_seconds())
        self._looking_up: dict[tuple[bytes, int], asyncio.Future[Principal]] = {}

    async def authenticate(self, connection: Connection, access: Access) -> Principal | None:
        """Let a caller in, or not.

        An address is counted before its credential is looked at, so that guessing is limited; a credential
        that was good a moment ago is no guess and counts for its account alone.

        Returns:
            Who it is; None for strangers where these may enter.

        Raises:
            NotAuthenticatedError: the credential is missing or not good.
            CsrfError: a browser wants to change something and does not prove that our own page asked it to.
            RateExceededError: there were too many calls.
        """
        if access is Access.ANYONE:
            await self._limiter.admit_address(client_address(connection.scope))
            return None
        try:
            principal = await self._identify(connection)
        except NotAuthenticatedError:
            if access is Access.STRANGERS_TOO:
                return None
            raise
        await self._limiter.admit_principal(principal)
        return principal

    async def identify(self, connection: Connection) -> Principal:
        """Who is at the other end of a connection that lasts; the call was let in before.

        Raises:
            NotAuthenticatedError: the credential is not good any more.
        """
        return await self._identify(connection)

    def forget(self, user_id: int) -> None:
        """Look an account's credentials up anew, because they may have become worthless."""
        self._cache.forget(user_id)

    def forget_session(self, secret: str) -> None:
        """Look a session up anew, because it has ended."""
        self._cache.forget_one(Credential(Means.SESSION, secret).digest)

    def session_secret(self, connection: Connection) -> str | None:
        """What the session cookie holds."""
        return connection.cookies.get(self._config.session_cookie_name)

    async def _identify(self, connection: Connection) -> Principal:
        credential = None
        try:
            credential = self._shown(connection)
        finally:
            if credential is None or not self._cache.was_good(credential.digest):
                await self._limiter.admit_address(client_address(connection.scope))
        if credential is None:
            raise NotAuthenticatedError("a credential is needed", "sign in, or send a token or an API key")
        principal = self._cache.get(credential.digest) or await self._looked_up(credential)
        if principal.means is Means.SESSION and connection.scope.get("method") not in SAFE_METHODS:
            self._require_csrf(connection, credential.secret)
        return principal

    def _shown(self, connection: Connection) -> Credential | None:
        """The credential of a call: a header goes before the cookie, and does not fall back to it.

        Raises:
            NotAuthenticatedError: the header is of a kind that is not understood.
        """
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, secret = header.strip().partition(" ")
            means = _MEANS_BY_SCHEME.get(scheme.lower())
            if means is None or not secret.strip():
                raise NotAuthenticatedError(
                    "the Authorization header is not understood", "send 'Bearer <jwt>' or 'Token <key>'"
                )
            return Credential(means, secret.strip())
        key = connection.headers.get(API_KEY_HEADER)
        if key is not None:
            return Credential(Means.API_KEY, key.strip())
        secret_of_session = self.session_secret(connection)
        return Credential(Means.SESSION, secret_of_session) if secret_of_session else None

    async def _looked_up(self, credential: Credential) -> Principal:
        """Look a credential up; calls that come with the same one meanwhile wait for the same answer."""
        key = credential.digest, self._cache.generation
        running = self._looking_up.get(key)
        if running is None:
            running = asyncio.ensure_future(self._look_up(credential))
            self._looking_up[key] = running
            running.add_done_callback(lambda done: self._answered(key, done))
        # A client that goes away must not take the answer from the others.
        return await asyncio.shield(running)

    def _answered(self, key: tuple[bytes, int], done: asyncio.Future[Principal]) -> None:
        del self._looking_up[key]
        # Looked at, or asyncio would log it as never retrieved when all who waited have gone away.
        done.cancelled() or done.exception()

    async def _look_up(self, credential: Credential) -> Principal:
        generation = self._cache.generation
        try:
            principal = await self._found(credential)
        except NotAuthenticatedError:
            self._cache.drop(credential.digest)
            raise
        self._cache.put(credential.digest, principal, generation)
        return principal

    async def _found(self, credential: Credential) -> Principal:
        match credential.means:
            case Means.JWT:
                return await self._identity.by_access_token(credential.secret)
            case Means.API_KEY:
                return await self._identity.by_api_key(credential.secret)
            case _:
                return await self._identity.by_session(credential.secret)

    def _require_csrf(self, connection: Connection, session_secret: str) -> None:
        sent = connection.headers.get(CSRF_HEADER, "")
        expected = csrf_token(self._config.csrf_secret, session_secret)
        if not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), expected.encode("ascii")):
            raise CsrfError(
                f"{CSRF_HEADER} is missing or wrong",
                f"send what the cookie {self._config.csrf_cookie} holds since you signed in",
            )


class AuthenticationMiddleware(ASGIMiddleware):
    """Has every call authenticated before its body is read, and leaves the principal in ``scope["user"]``.

    Args:
        authenticator: decides.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, then go on."""
        options = scope["route_handler"].opt
        if not options.get("unlimited"):
            access = Access(options.get("access", Access.SIGNED_IN))
            scope["user"] = await self._authenticator.authenticate(ASGIConnection(scope), access)
        await next_app(scope, receive, send)


def administrators_only(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: turns away who is no administrator, before what was sent is looked at.

    Raises:
        ForbiddenError: the caller is none.
    """
    caller: Principal = connection.user
    caller.require_admin()


def csrf_token(key: bytes, session_secret: str) -> str:
    """The token that belongs to a session and to no other.

    It is a keyed digest of the session's secret, so a pair of cookies that another host of the domain planted
    in a browser is of no use: nobody but us can make the token that goes with a session.
    """
    message = f"csrf:{session_secret}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, sha256).hex()
