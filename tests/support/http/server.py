"""An application behind a real server and socket, in the test's process."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar.types import ASGIApp

from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits
from framecloak.entrypoints.asgi.listening import listening_socket
from framecloak.entrypoints.asgi.uvicorn_server import serve_app


@dataclass(frozen=True)
class Address:
    """Host and port of a server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)


@asynccontextmanager
async def served(app: ASGIApp, limits: ConnectionLimits = ConnectionLimits()) -> AsyncIterator[Address]:  # noqa: B008
    """Serve the application on a free local port while the block lasts."""
    listener = listening_socket("127.0.0.1", 0)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_app(app, listener, stop, limits))
    try:
        yield Address(*listener.getsockname())
    finally:
        stop.set()
        await serving
        gc.unfreeze()  # the server would have frozen objects for the rest of this process


def posted(path: str, body: object, authorization: str) -> bytes:
    """Return a POST request as bytes on the wire."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: framecloak.test\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
