"""Object stores for the contract suite, with external access to their presigned addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from fakes.clock import FakeClock
from fakes.storage import FakeObjectStore
from framecloak.adapters.storage.async_files import PARTIAL_PREFIX
from framecloak.adapters.storage.filenames import content_disposition
from framecloak.adapters.storage.filesystem import FilesystemStore
from framecloak.adapters.storage.local_cache import LocalCache
from framecloak.adapters.storage.minio import UNUSED_DELIMITER, MinioStore
from framecloak.adapters.storage.signed_urls import URL_PATH_PREFIX, SignedUrls
from framecloak.domain.errors import (
    ForbiddenError,
    TokenExpiredError,
)
from framecloak.domain.ports.object_store import ObjectStore
from support.servers.s3_server import S3Server


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoreSample:
    """A store, and external access to its addresses.

    Attributes:
        send: sends an HTTP request: method, address and body.
        wait: lets time pass, so that addresses expire.
        leftovers: returns what unfinished uploads left behind.
        simulate_kill: leaves behind what a process leaves that is killed while it stores something.
    """

    store: ObjectStore
    send: Callable[[str, str, bytes], Awaitable[Answer]]
    wait: Callable[[timedelta], Awaitable[None]]
    leftovers: Callable[[], list[str]]
    simulate_kill: Callable[[], object]


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def content(
    store: ObjectStore, key: str, start: int = 0, stop: int | None = None, version: str | None = None
) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, stop, version=version)])


def fake_sample() -> StoreSample:
    clock = FakeClock()
    store = FakeObjectStore(clock)

    async def send(method: str, address: str, body: bytes) -> Answer:
        parts = urlsplit(address)
        if int(dict(parse_qsl(parts.query))["expires"]) <= clock.now().timestamp():
            return Answer(403)
        if method == "PUT":
            store.objects[parts.path[1:]] = body
            return Answer(200)
        return Answer(200, store.objects[parts.path[1:]])

    async def wait(time: timedelta) -> None:
        clock.advance(time)

    return StoreSample(
        store,
        send,
        wait,
        lambda: [str(begun) for begun in store.partial],
        lambda: store.partial.append(datetime.now(UTC)),
    )


def folder_sample(root: Path) -> StoreSample:
    clock = FakeClock()
    urls = SignedUrls("https://api.test", b"k" * 32, clock)
    store = FilesystemStore(root, urls)

    async def send(method: str, address: str, body: bytes) -> Answer:
        parts = urlsplit(address)
        key = unquote(parts.path.removeprefix(URL_PATH_PREFIX))
        try:
            name = urls.verify(method, key, dict(parse_qsl(parts.query)), clock.now())
        except (ForbiddenError, TokenExpiredError):
            return Answer(403)
        if method == "PUT":
            await store.put(key, stream(body))
            return Answer(200)
        return Answer(200, await content(store, key), {"content-disposition": content_disposition(name)})

    async def wait(time: timedelta) -> None:
        clock.advance(time)

    return StoreSample(
        store,
        send,
        wait,
        lambda: [path.name for path in root.iterdir() if "~" in path.name],
        lambda: (root / f"{PARTIAL_PREFIX}of-another-process").write_bytes(b"film"),
    )


def minio_store(s3: S3Server, bucket: str, cache: LocalCache | None = None) -> MinioStore:
    return MinioStore(s3.endpoint, s3.access_key, s3.secret_key, bucket, secure=False, cache=cache)


def minio_sample(s3: S3Server, store: MinioStore, bucket: str) -> StoreSample:
    async def send(method: str, address: str, body: bytes) -> Answer:
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, address, content=body or None)
        return Answer(answer.status_code, answer.content, dict(answer.headers))

    async def wait(time: timedelta) -> None:
        s3.advance_clock(time.total_seconds())

    def leftovers() -> list[str]:
        found = store._client._list_multipart_uploads(bucket, delimiter=UNUSED_DELIMITER)
        return [upload.object_name for upload in found.uploads]

    def be_killed() -> None:
        store._client._create_multipart_upload(bucket, "videos/film", {})

    return StoreSample(store, send, wait, leftovers, be_killed)
