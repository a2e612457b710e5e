"""Large request bodies that arrive in chunks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from litestar import Litestar, post

from framecloak.entrypoints.asgi.content_negotiation import ApiRequest
from support.http.asgi import call

MEBI = 1024**2
CONTENT = np.random.default_rng(5).bytes(3 * MEBI)


@post("/", request_max_body_size=4 * MEBI, status_code=200)
async def echo(request: ApiRequest) -> bytes:
    first = await request.body()
    assert await request.body() == first  # read once, even when requested twice
    return bytes(first)


APP = Litestar([echo], request_class=ApiRequest, openapi_config=None)


def in_chunks(content: bytes, size: int) -> Iterable[bytes]:
    return [content[offset : offset + size] for offset in range(0, len(content), size)]


@pytest.mark.parametrize("size", [1000, 65_536, MEBI - 1, 4 * MEBI])
@pytest.mark.parametrize("length", [0, 1, MEBI - 1, MEBI, 3 * MEBI])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_is_complete_however_it_is_chunked(size: int, length: int, *, announced: bool) -> None:
    content = CONTENT[:length]
    headers = {"Content-Length": str(length)} if announced else {}
    answer = await call(APP, "POST", "/", headers, in_chunks(content, size))
    assert (answer.status, answer.body) == (200, content)


@pytest.mark.parametrize("announced", [2 * MEBI, 4 * MEBI])
async def test_a_body_of_another_length_than_announced_is_what_was_received(announced: int) -> None:
    headers = {"Content-Length": str(announced)}
    answer = await call(APP, "POST", "/", headers, in_chunks(CONTENT, 100_000))
    assert (answer.status, answer.body) == (200, CONTENT)


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Length": str(5 * MEBI)}, {"Content-Length": str(2 * MEBI)}]
)
async def test_a_too_large_body_is_not_collected(headers: dict[str, str]) -> None:
    answer = await call(APP, "POST", "/", headers, in_chunks(CONTENT * 2, 100_000))
    assert answer.status == 413
    assert answer.read < 5 * MEBI // 100_000


async def test_a_body_interrupted_by_a_disconnect_is_refused() -> None:
    headers = {"Content-Length": str(4 * MEBI)}
    answer = await call(APP, "POST", "/", headers, in_chunks(CONTENT, 100_000), disconnect=True)
    assert answer.status == 400
