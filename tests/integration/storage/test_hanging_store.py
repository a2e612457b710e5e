"""An object store that accepts connections and never answers: cancellation does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from framecloak.adapters.storage.minio import MinioStore
from support.patience import patience
from support.servers.object_stores import content, stream

TIMEOUT_SECONDS = patience(20)
"""Timeout of the tests; the store itself waits three times one minute for an answer."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

Action = Callable[[MinioStore, Path], Coroutine[Any, Any, object]]


async def _put(store: MinioStore, folder: Path) -> object:
    path = folder / "part.zip"
    path.write_bytes(b"x" * 1000)
    return await store.put_file("requests/1/part.zip", path)


async def _local(store: MinioStore, folder: Path) -> object:
    async with store.local_file("videos/a", folder) as path:
        return path


ACTIONS: dict[str, Action] = {
    "put": lambda store, _: store.put("videos/a", stream(b"x" * 1000)),
    "put a file": _put,
    "stat": lambda store, _: store.stat("videos/a"),
    "remove all": lambda store, _: store.remove_prefix("requests/1/"),
    "read": lambda store, _: content(store, "videos/a"),
    "local": _local,
}


@asynccontextmanager
async def hanging(answer: bytes) -> AsyncIterator[tuple[MinioStore, asyncio.Event]]:
    """Yield a store whose server sends only ``answer``, and an event that is set on the first request."""
    requested, connections = asyncio.Event(), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        requested.set()

    server = await asyncio.start_server(serve, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    store = MinioStore(f"{host}:{port}", "user", "password", "bucket", secure=False)
    store._bucket_exists = True
    try:
        yield store, requested
    finally:
        # The threads of the store end with their connections.
        server.close()
        for connection in connections:
            connection.close()
        await store.close()


@pytest.mark.parametrize(
    ("name", "answer"),
    [*((name, b"") for name in ACTIONS), ("read", HEAD), ("local", HEAD)],
)
async def test_cancelling_does_not_wait_for_a_hanging_store(name: str, answer: bytes, tmp_path: Path) -> None:
    async with hanging(answer) as (store, requested):
        task = asyncio.create_task(ACTIONS[name](store, tmp_path))
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await requested.wait()
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await asyncio.wait([task])
        assert task.cancelled()
