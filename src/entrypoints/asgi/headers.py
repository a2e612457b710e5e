"""Headers of every response, including errors: a request id and the security headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

REQUEST_ID_HEADER = "X-Request-ID"

_REQUEST_ID_KEY = b"x-request-id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_STATE_KEY = "framecloak_request_id"

_FIXED_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)

_CONSOLE_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "connect-src 'self'",
    "frame-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)


@dataclass(frozen=True, slots=True)
class SecurityHeaders:
    """Configurable security headers.

    Attributes:
        hsts_seconds: duration in seconds for which browsers require HTTPS; 0 if clients use plain HTTP.
        frame_ancestors: origins that may embed the service in a page, separated by spaces.
    """

    hsts_seconds: int = 0
    frame_ancestors: str = ""

    def console_policy(self) -> str:
        """Return the content security policy of the console: everything it loads comes from this service.

        Inline scripts and scripts created from text are forbidden.
        """
        return "; ".join((*_CONSOLE_POLICY, f"frame-ancestors {self._ancestors}"))

    @property
    def _ancestors(self) -> str:
        return self.frame_ancestors or "'none'"

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the security headers of every response."""
        policy = f"default-src 'none'; frame-ancestors {self._ancestors}"
        yield b"content-security-policy", policy.encode("ascii")
        if not self.frame_ancestors:
            # For older browsers without support for frame-ancestors; it cannot list origins.
            yield b"x-frame-options", b"DENY"
        yield from _FIXED_HEADERS
        if self.hsts_seconds:
            hsts = f"max-age={self.hsts_seconds}; includeSubDomains"
            yield b"strict-transport-security", hsts.encode("ascii")


def request_id(scope: Scope) -> str:
    """Return the id of a request: the one sent by the client if it is valid, else a random one."""
    state = scope["state"]
    if _STATE_KEY not in state:
        sent = next((value for name, value in scope["headers"] if name == _REQUEST_ID_KEY), b"")
        state[_STATE_KEY] = sent.decode("ascii") if _VALID_ID.fullmatch(sent) else uuid4().hex
    result: str = state[_STATE_KEY]
    return result


def standard_headers(policies: SecurityHeaders) -> BeforeMessageSendHookHandler:
    """Return a hook that adds the headers to each response unless a handler has set them."""
    lines = tuple(policies.headers())

    async def add_headers(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            present = {name for name, _ in headers}
            headers.append((_REQUEST_ID_KEY, request_id(scope).encode("ascii")))
            headers.extend(line for line in lines if line[0] not in present)
            message["headers"] = headers

    return add_headers
