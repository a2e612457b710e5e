"""Work for a client that may hang up before it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar.exceptions import HTTPException

from framecloak.domain.support.resilience import ended
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest

Result = TypeVar("Result")


class ClientGoneError(HTTPException):
    """Nobody waits for the answer any more.

    The status is the one that nginx logs for this; nobody but our own log and metrics gets to see it.
    """

    status_code = 499

    def __init__(self) -> None:
        super().__init__("the client went away before it was answered")


async def unless_client_leaves(request: ApiRequest, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of some work, which is cancelled when the client hangs up.

    Neither the server nor the framework does that by itself. Only for work that takes long and leaves nothing
    behind: what is being stored is better stored to its end.

    Args:
        request: all of its body has been read.
        work: to be done.

    Raises:
        ClientGoneError: the client hung up first; the work is no longer going on.
        Exception: what the work raised.
    """
    leaving = asyncio.create_task(_hang_up(request))
    working = asyncio.create_task(work)
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        return working.result()
    finally:
        await ended(working, leaving)


async def _hang_up(request: ApiRequest) -> None:
    """Until the client hangs up; the server says so where the rest of the body would be."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
