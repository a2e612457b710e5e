"""One log line for each request: what was asked for, by whom, and how that ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from framecloak.domain.accounts.model import Principal
from framecloak.entrypoints.asgi.headers import request_id
from framecloak.entrypoints.http.middleware.rate_limit import client_address
from framecloak.entrypoints.runtime.logs import bound

logger = logging.getLogger(__name__)

ASKED_BY_MACHINES = frozenset(
    {"/health", "/metrics", "/api/frames/anonymize/health", "/web/{release}/{name}"}
)
"""Paths that something asks for every few seconds, or dozens of times for one page; lines about them are for
debugging."""

_SUBJECT = "framecloak_subject"

UNKNOWN = "unknown"
"""In place of a path that is none of ours, which may be anything: a mistyped download link is a secret."""


def with_access_log(app: ASGIApp) -> ASGIApp:
    """The same application, with a line for each request.

    Every line that is logged while a request is answered carries its id as ``http_request_id``. Of addresses
    the template is told, as in ``/api/videos/{video_id}``: paths of download links and queries of signed
    addresses are secrets.
    """

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        scope.setdefault("state", {})
        began, status = monotonic(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with bound(http_request_id=request_id(scope)):
            try:
                await app(scope, receive, watched)
            finally:
                _tell(scope, status, monotonic() - began)

    return logged


def name_subject(scope: Scope, request_id: UUID) -> None:
    """Have the line of an HTTP request tell which anonymisation request came of it."""
    scope["state"][_SUBJECT] = request_id


def _tell(scope: HTTPScope, status: int, seconds: float) -> None:
    found: object = scope.get("path_template") or UNKNOWN
    path = str(found)
    caller: object = scope.get("user")
    subject = scope["state"].get(_SUBJECT) or scope.get("path_params", {}).get("request_id")
    about = {"request_id": str(subject)} if subject else {}
    facts: Mapping[str, object] = {
        **about,
        "method": scope["method"],
        "path": path,
        # None when the client went away before there was an answer.
        "status": status or None,
        "milliseconds": round(1000 * seconds, 1),
        "user_id": caller.user_id if isinstance(caller, Principal) else None,
        "client": client_address(scope),
    }
    level = logging.DEBUG if path.rstrip("/") in ASKED_BY_MACHINES else logging.INFO
    logger.log(level, "request", extra=facts)
