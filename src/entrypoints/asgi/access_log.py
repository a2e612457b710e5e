"""Access log: one line for each request, with its caller, status and duration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from framecloak.domain.model.accounts import Principal
from framecloak.entrypoints.asgi.client_address import client_address
from framecloak.entrypoints.asgi.headers import request_id
from framecloak.entrypoints.runtime.logs import log_context

logger = logging.getLogger(__name__)

POLLED_PATHS = frozenset({"/health", "/metrics", "/api/frames/anonymize/health", "/web/{release}/{name}"})
"""Paths that are polled often or requested dozens of times by one page; logged at DEBUG."""

_SUBJECT = "framecloak_subject"

UNKNOWN_PATH = "unknown"
"""Logged instead of an unknown path, which may contain a secret, such as a mistyped download link."""


def with_access_log(app: ASGIApp) -> ASGIApp:
    """Wrap an application to log one line for each request.

    All lines logged during a request carry its id as ``http_request_id``. Paths are logged as templates,
    such as ``/api/videos/{video_id}``: paths of download links and queries of signed URLs are secrets.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started_at, status = monotonic(), 0

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with log_context(http_request_id=request_id(scope)):
            try:
                await app(scope, receive, send_and_record)
            finally:
                _log_request(scope, status, monotonic() - started_at)

    return wrapped


def set_log_subject(scope: Scope, request_id: UUID) -> None:
    """Add the id of the anonymisation request that an HTTP request created to its log line."""
    scope["state"][_SUBJECT] = request_id


def _log_request(scope: HTTPScope, status: int, seconds: float) -> None:
    template: object = scope.get("path_template") or UNKNOWN_PATH
    path = str(template)
    caller: object = scope.get("user")
    subject = scope["state"].get(_SUBJECT) or scope.get("path_params", {}).get("request_id")
    subject_field = {"request_id": str(subject)} if subject else {}
    fields: Mapping[str, object] = {
        **subject_field,
        "method": scope["method"],
        "path": path,
        # None if the client disconnected before the response started.
        "status": status or None,
        "milliseconds": round(1000 * seconds, 1),
        "user_id": caller.user_id if isinstance(caller, Principal) else None,
        "client": client_address(scope),
    }
    level = logging.DEBUG if path.rstrip("/") in POLLED_PATHS else logging.INFO
    logger.log(level, "request", extra=fields)
