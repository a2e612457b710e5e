"""Direct ASGI calls, to send what no well-behaved client sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar
from litestar.types import Message


@dataclass
class Answer:
    """The response.

    Attributes:
        status: 0 without a response.
        headers: by lower-case name.
        body: the whole body.
        read: chunks of the request's body that the application read.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    read: int

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


async def call(
    app: Litestar,
    method: str,
    url: str,
    headers: dict[str, str],
    chunks: Iterable[bytes] = (),
    *,
    disconnect: bool = False,
) -> Answer:
    """Make one request.

    Args:
        app: application to call.
        method: HTTP method.
        url: path and query.
        headers: sent unchanged; nothing is added.
        chunks: chunks of the body.
        disconnect: disconnect after the last chunk instead of ending the body.
    """
    parts = urlsplit(url)
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1234),
        "server": ("framecloak.test", 80),
        "state": {},
    }
    waiting = list(chunks)
    answer = Answer(0, {}, b"", 0)
    answered, ended = asyncio.Event(), False

    async def receive() -> Message:
        nonlocal ended
        if waiting:
            answer.read += 1
            return {"type": "http.request", "body": waiting.pop(0), "more_body": True}
        if disconnect:
            return {"type": "http.disconnect"}
        if ended:
            await answered.wait()
            return {"type": "http.disconnect"}
        ended = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
            if not message.get("more_body", False):
                answered.set()

    await app(scope, receive, send)
    return answer
