"""What is taken from addresses before anything looks at them."""

from __future__ import annotations

from litestar.types import ASGIApp, Receive, Scope, Send


def without_blanks(app: ASGIApp) -> ASGIApp:
    """A middleware that drops empty parameters, as in ``?status=&limit=20``: forms send them."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if b"=&" in query or query.endswith(b"="):
            kept = [pair for pair in query.split(b"&") if not pair.endswith(b"=")]
            scope["query_string"] = b"&".join(kept)
        await app(scope, receive, send)

    return middleware
