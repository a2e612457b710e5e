"""Preprocessing of query strings."""

from __future__ import annotations

from litestar.types import ASGIApp, Receive, Scope, Send


def drop_empty_parameters(app: ASGIApp) -> ASGIApp:
    """Return a middleware that drops empty query parameters, as sent by forms: ``?status=&limit=20``."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if b"=&" in query or query.endswith(b"="):
            pairs = [pair for pair in query.split(b"&") if not pair.endswith(b"=")]
            scope["query_string"] = b"&".join(pairs)
        await app(scope, receive, send)

    return middleware
