"""An object store that takes connections and never answers: nobody who is told to stop waits for it."""

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

PLENTY = patience(20)
"""Seconds. What the store itself waits for an answer is three times a minute."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

Action = Callable[[MinioStore, Path], Coroutine[Any, Any, object]]


async def _put(store: MinioStore, folder: Path) -> object:
    path = folder / "part.zip"
    path.write_bytes(b"x" * 1000)
    return await store.put_file("requests/1/part.zip", path)


async def _local(store: MinioStore, folder: Path) -> object:
    async with store.local_file("videos/film", folder) as path:
        return path


ACTIONS: dict[str, Action] = {
    "put": lambda store, _: store.put("videos/film", stream(b"x" * 1000)),
    "put a file": _put,
    "stat": lambda store, _: store.stat("videos/film"),
    "remove all": lambda store, _: store.remove_prefix("requests/1/"),
    "read": lambda store, _: content(store, "videos/film"),
    "local": _local,
}


@asynccontextmanager
async def hanging(answer: bytes) -> AsyncIterator[tuple[MinioStore, asyncio.Event]]:
    """A store whose server says no more than this; and what tells that it was asked."""
    asked, connections = asyncio.Event(), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        asked.set()

    server = await asyncio.start_server(serve, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    store = MinioStore(f"{host}:{port}", "user", "password", "bucket", secure=False)
    store._bucket_exists = True
    try:
        yield store, asked
    finally:
        # Its threads end when their connections do.
        server.close()
        for connection in connections:
            connection.close()
        await store.close()


@pytest.mark.parametrize(
    ("name", "answer"),
    [*((name, b"") for name in ACTIONS), ("read", HEAD), ("local", HEAD)],
)
async def test_who_is_told_to_stop_does_not_wait_for_a_store_that_hangs(
    name: str, answer: bytes, tmp_path: Path
) -> None:
    async with hanging(answer) as (store, asked):
        task = asyncio.create_task(ACTIONS[name](store, tmp_path))
        async with asyncio.timeout(PLENTY):
            await asked.wait()
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()
        async with asyncio.timeout(PLENTY):
            await asyncio.wait([task])
        assert task.cancelled()
