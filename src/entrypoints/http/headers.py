"""Headers that every response carries, errors included: a request id, and what keeps browsers careful."""

from __future__ import annotations

import re
from uuid import uuid4

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

REQUEST_ID = "X-Request-ID"

_REQUEST_ID_KEY = b"x-request-id"
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_STATE_KEY = "framecloak_request_id"

_POLICIES = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")


def request_id(scope: Scope) -> str:
    """The id of a request: what its sender calls it if that is short and plain, else a random one."""
    state = scope["state"]
    if _STATE_KEY not in state:
        sent = next((value for name, value in scope["headers"] if name == _REQUEST_ID_KEY), b"")
        state[_STATE_KEY] = sent.decode("ascii") if _ACCEPTABLE_ID.fullmatch(sent) else uuid4().hex
    found: str = state[_STATE_KEY]
    return found


def standard_headers(*, secure: bool) -> BeforeMessageSendHookHandler:
    """A hook that adds the headers to whatever is sent, unless a handler has set them.

    Args:
        secure: whether clients come over HTTPS.
    """
    policies = (*_POLICIES, _HSTS) if secure else _POLICIES

    async def add_headers(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            present = {name for name, _ in headers}
            headers.append((_REQUEST_ID_KEY, request_id(scope).encode("ascii")))
            headers.extend(policy for policy in policies if policy[0] not in present)
            message["headers"] = headers

    return add_headers
