"""Limits of connections: long headers, slow headers and bodies, many connections of one address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from litestar.types import ASGIApp, Receive, Scope, Send

from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits
from support.http.api import Api
from support.http.server import Address, served

LIMITS = ConnectionLimits(
    header_bytes=2000, header_seconds=0.2, body_seconds=0.2, body_bytes=100, per_address=3
)
PATIENCE = 20


@asynccontextmanager
async def connected(
    address: Address, sent: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await address.connect()
    try:
        writer.write(sent)
        yield reader, writer
    finally:
        writer.close()


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


def get(headers: str = "") -> bytes:
    return f"GET /health HTTP/1.1\r\nHost: framecloak.test\r\n{headers}\r\n".encode()


@pytest.mark.parametrize(
    "sent",
    [
        get("".join(f"X-{number}: {'a' * 50}\r\n" for number in range(100))),
        get(f"X: {'a' * 5000}\r\n"),
        f"GET /{'a' * 5000} HTTP/1.1\r\n\r\n".encode(),
        b"GET /health HTTP/1.1\r\nX: " + b"a" * 5000,
        b"GET /" + b"a" * 5000,
    ],
    ids=["many", "long", "long url", "endless", "endless url"],
)
async def test_long_headers_are_refused(api: Api, sent: bytes) -> None:
    async with served(api.app, LIMITS) as address, connected(address, sent) as (reader, _):
        answer = await everything(reader)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code": "headers_too_large"' in answer


async def test_usual_headers_are_accepted_again_and_again(api: Api) -> None:
    async with served(api.app, LIMITS) as address, connected(address) as (reader, writer):
        for _ in range(5):
            writer.write(get(f"X: {'a' * 1500}\r\n"))
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)


@pytest.mark.parametrize("sent", [b"", b"GET /health HT", b"\r\n", get()[:-2]])
async def test_headers_that_do_not_arrive_end_the_connection(api: Api, sent: bytes) -> None:
    async with served(api.app, LIMITS) as address, connected(address, sent) as (reader, _):
        assert (await everything(reader)).startswith(b"HTTP/1.1 408 ")


async def test_headers_that_trickle_end_the_connection(api: Api) -> None:
    async with served(api.app, LIMITS) as address, connected(address) as (reader, writer):
        received = asyncio.create_task(everything(reader))
        for byte in get(f"X: {'a' * 1500}\r\n"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
            if received.done():
                break
        assert (await received).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_stops_ends_the_connection(api: Api) -> None:
    ada = await api.world.person("ada")
    assert ada
    sent = (
        b"POST /api/auth/login HTTP/1.1\r\nHost: framecloak.test\r\nContent-Type: application/json\r\n"
        b'Content-Length: 1000\r\n\r\n{"username": '
    )
    async with served(api.app, LIMITS) as address, connected(address, sent) as (reader, _):
        assert (await everything(reader)).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_the_application_does_not_read_may_wait() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(6 * LIMITS.body_seconds)
        while (message := await receive()).get("more_body"):
            assert message["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})  # type: ignore[typeddict-item]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    body = b"a" * 1_000_000
    head = f"POST / HTTP/1.1\r\nHost: framecloak.test\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    application: ASGIApp = slow
    async with served(application, LIMITS) as address, connected(address, head + body) as (reader, _):
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_one_address_has_a_limited_number_of_connections(api: Api) -> None:
    patient = ConnectionLimits(per_address=3)
    async with served(api.app, patient) as address:
        async with connected(address), connected(address), connected(address):
            await asyncio.sleep(0.05)
            async with connected(address) as (reader, _):
                assert (await everything(reader)).startswith(b"HTTP/1.1 503 ")
        # Closed connections no longer count.
        async with asyncio.timeout(PATIENCE):
            while True:
                async with connected(address, get()) as (reader, _):
                    if (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 "):
                        break


@pytest.mark.parametrize("proxies", ["127.0.0.1", "10.0.0.0/8,127.0.0.0/8", "*"])
async def test_connections_of_a_trusted_proxy_are_not_limited(api: Api, proxies: str) -> None:
    limits = ConnectionLimits(per_address=1, trusted_proxies=proxies)
    async with (
        served(api.app, limits) as address,
        connected(address),
        connected(address),
        connected(address, get()) as (reader, _),
    ):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
