"""An application behind a real server and a real socket, in the process of the test."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from litestar.types import ASGIApp

from framecloak.entrypoints.asgi.uvicorn_server import listening_socket, serve_app


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[Address]:
    """Listens on a free port of this machine while the block lasts."""
    listener = listening_socket("127.0.0.1", 0)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve_app(app, listener, stop))
    try:
        yield Address(*listener.getsockname())
    finally:
        stop.set()
        await serving
        gc.unfreeze()  # a server lasts as long as its process, but not as long as that of the tests


def posted(path: str, body: object, authorization: str) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: framecloak.test\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
