"""Configuration of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from framecloak.domain.anonymization.model.options import Language, Level, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.entrypoints.asgi.headers import SecurityHeaders


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Rate limits; 0 disables a limit.

    Attributes:
        per_principal: maximum number of requests of an account in a window.
        per_address: maximum number of requests from a network address in a window that carry no credential
            or one that was not validated recently. Other requests count for their account.
        window: length of the window.
    """

    per_principal: int = 3000
    per_address: int = 600
    window: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Configuration of the HTTP API.

    Attributes:
        csrf_secret: key from which CSRF tokens are derived; used for this purpose only.
        base_url: scheme, host and port under which clients reach the API, for absolute URLs in responses;
            empty for relative URLs.
        secure: whether clients use HTTPS; cookies are then marked ``Secure``.
        policies: security headers of every response.
        session_cookie: name of the session cookie; with HTTPS it is prefixed with ``__Host-`` to keep other
            hosts of the domain from setting it.
        sign_on_cookie: name of the cookie of a sign-in at the identity provider, prefixed like the other.
        csrf_cookie: name of the cookie from which scripts of the console read the CSRF token.
        rate_limits: rate limits.
        max_upload_bytes: maximum size of a video in bytes.
        max_body_bytes: maximum size of a JSON or msgpack body in bytes.
        default_level: level of redaction of a request that names none.
        default_format: output format of a request that names none.
        default_language: language of the report of a request that names none.
        default_verify: selection of frames for the residual check of a request that names none.
        results: rules of the installation for results.
        signing_key: public Ed25519 key with which results are verified.
        docs_enabled: whether the OpenAPI document is served.
        metrics_public: whether metrics can be read without a credential.
        metrics_token: bearer token that grants access to metrics; empty for none.
        principal_ttl: time for which a validated credential is cached.
        session_ttl: lifetime of the session cookie in the browser.
        event_interval: minimum time between two events of a stream.
        max_stream_duration: maximum duration of an event stream; the client then reconnects.
        heartbeat: time without an event after which an event stream sends a comment to stay alive.
        version: version of the service, as returned by the liveness check.
    """

    csrf_secret: bytes = field(repr=False)
    base_url: str = ""
    secure: bool = False
    policies: SecurityHeaders = field(default_factory=SecurityHeaders)
    session_cookie: str = "framecloak_session"
    sign_on_cookie: str = "framecloak_sign_on"
    csrf_cookie: str = "csrftoken"
    rate_limits: RateLimits = RateLimits()
    max_upload_bytes: int = 8 * 1024**3
    max_body_bytes: int = 1024**2
    default_level: Level = Level.FACES
    default_format: OutputFormat = OutputFormat.JPG
    default_language: Language = Language.ENGLISH
    default_verify: Verify = Verify.SAMPLE
    results: ResultPolicy = field(default_factory=ResultPolicy)
    signing_key: bytes = bytes(32)
    docs_enabled: bool = True
    metrics_public: bool = False
    metrics_token: str = field(default="", repr=False)
    principal_ttl: timedelta = timedelta(seconds=1)
    session_ttl: timedelta = timedelta(hours=12)
    event_interval: timedelta = timedelta(milliseconds=500)
    max_stream_duration: timedelta = timedelta(hours=24)
    heartbeat: timedelta = timedelta(seconds=15)
    version: str = "0.1.0"

    @property
    def session_cookie_name(self) -> str:
        """Name of the session cookie, including its prefix."""
        return f"__Host-{self.session_cookie}" if self.secure else self.session_cookie

    @property
    def sign_on_cookie_name(self) -> str:
        """Name of the cookie of a sign-in at the identity provider, including its prefix."""
        return f"__Host-{self.sign_on_cookie}" if self.secure else self.sign_on_cookie
