"""Headers that every response carries, errors included: a request id, and what keeps browsers careful."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

REQUEST_ID = "X-Request-ID"

_REQUEST_ID_KEY = b"x-request-id"
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_STATE_KEY = "framecloak_request_id"

_POLICIES = (
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
class Policies:
    """What browsers are told beside what nobody has a reason to change.

    Attributes:
        hsts_seconds: how long to insist on HTTPS; 0 where clients come over plain HTTP.
        frame_ancestors: origins that may show the service inside a page of theirs, with spaces.
    """

    hsts_seconds: int = 0
    frame_ancestors: str = ""

    def console_policy(self) -> str:
        """What the console's page may do: run, load and show what this service sends, and talk to it alone.

        No script is in the page itself, and none can be made out of text.
        """
        return "; ".join((*_CONSOLE_POLICY, f"frame-ancestors {self._ancestors}"))

    @property
    def _ancestors(self) -> str:
        return self.frame_ancestors or "'none'"

    def headers(self) -> Iterator[tuple[bytes, bytes]]:
        """What is sent with every response."""
        policy = f"default-src 'none'; frame-ancestors {self._ancestors}"
        yield b"content-security-policy", policy.encode("ascii")
        if not self.frame_ancestors:
            # For browsers that do not know the newer way; it cannot name sites.
            yield b"x-frame-options", b"DENY"
        yield from _POLICIES
        if self.hsts_seconds:
            lasting = f"max-age={self.hsts_seconds}; includeSubDomains"
            yield b"strict-transport-security", lasting.encode("ascii")


def request_id(scope: Scope) -> str:
    """The id of a request: what its sender calls it if that is short and plain, else a random one."""
    state = scope["state"]
    if _STATE_KEY not in state:
        sent = next((value for name, value in scope["headers"] if name == _REQUEST_ID_KEY), b"")
        state[_STATE_KEY] = sent.decode("ascii") if _ACCEPTABLE_ID.fullmatch(sent) else uuid4().hex
    found: str = state[_STATE_KEY]
    return found


def standard_headers(policies: Policies) -> BeforeMessageSendHookHandler:
    """A hook that adds the headers to whatever is sent, unless a handler has set them."""
    lines = tuple(policies.headers())

    async def add_headers(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            present = {name for name, _ in headers}
            headers.append((_REQUEST_ID_KEY, request_id(scope).encode("ascii")))
            headers.extend(line for line in lines if line[0] not in present)
            message["headers"] = headers

    return add_headers
