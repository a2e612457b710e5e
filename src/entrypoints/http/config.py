"""What the HTTP API can be set up with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from framecloak.domain.anonymization.model.options import Language, Level, OutputFormat, Verify
from framecloak.entrypoints.asgi.headers import Policies


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How often somebody may call; 0 lifts a limit.

    Attributes:
        per_principal: calls of one account in a window.
        per_address: calls from one network address in a window that come without a credential, or with one
            that was not seen to be good a moment ago. Who is signed in is counted as a principal.
        window: how long calls are counted.
    """

    per_principal: int = 3000
    per_address: int = 600
    window: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Settings of the HTTP API.

    Attributes:
        csrf_secret: key that CSRF tokens are made with, derived for this purpose alone.
        base_url: scheme, host and port that clients reach the API under, for absolute addresses in answers;
            empty for relative ones.
        secure: whether clients come over HTTPS: cookies are marked ``Secure``.
        policies: what browsers are told with every response.
        session_cookie: name of the session cookie; over HTTPS it is prefixed with ``__Host-``, so that no
            other host of the domain can set it.
        csrf_cookie: name of the cookie that tells scripts of our own page the CSRF token.
        rates: how often somebody may call.
        max_upload_bytes: the largest video to take.
        max_body_bytes: the largest JSON or msgpack body to take.
        default_level: of an order that names none.
        default_format: likewise.
        default_language: of its report, likewise.
        default_verify: which of its frames are searched again, likewise.
        signing_key: the public key that results are checked with, Ed25519.
        docs: whether the OpenAPI document is served.
        metrics_public: whether anybody may read the metrics.
        metrics_token: who shows it may read them too; empty for nobody.
        principal_lasts: how long a credential that was found good is not looked up again.
        session_lasts: how long a browser keeps its session cookie.
        fresh: how long a request counts as new; its status is told once it is taken up, or after this time.
        event_interval: time at least between two events of a stream.
        stream_lasts: after this time an event stream ends, and its client connects again.
        heartbeat: time after which a silent event stream gives a sign of life.
        version: of the program, as told by the liveness check.
    """

    csrf_secret: bytes = field(repr=False)
    base_url: str = ""
    secure: bool = False
    policies: Policies = field(default_factory=Policies)
    session_cookie: str = "framecloak_session"
    csrf_cookie: str = "csrftoken"
    rates: RateLimits = RateLimits()
    max_upload_bytes: int = 8 * 1024**3
    max_body_bytes: int = 1024**2
    default_level: Level = Level.FACES
    default_format: OutputFormat = OutputFormat.JPG
    default_language: Language = Language.ENGLISH
    default_verify: Verify = Verify.SAMPLE
    signing_key: bytes = bytes(32)
    docs: bool = True
    metrics_public: bool = False
    metrics_token: str = field(default="", repr=False)
    principal_lasts: timedelta = timedelta(seconds=1)
    session_lasts: timedelta = timedelta(hours=12)
    fresh: timedelta = timedelta(seconds=2)
    event_interval: timedelta = timedelta(milliseconds=500)
    stream_lasts: timedelta = timedelta(hours=24)
    heartbeat: timedelta = timedelta(seconds=15)
    version: str = "0.1.0"

    @property
    def session_cookie_name(self) -> str:
        """The session cookie as browsers know it."""
        return f"__Host-{self.session_cookie}" if self.secure else self.session_cookie
