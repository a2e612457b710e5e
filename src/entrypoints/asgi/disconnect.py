"""Cancellation of work when the client disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from litestar.exceptions import HTTPException

from framecloak.domain.support.resilience import cancel_and_wait
from framecloak.entrypoints.asgi.content_negotiation import ApiRequest

Result = TypeVar("Result")


class ClientDisconnectedError(HTTPException):
    """Error raised when the client has disconnected.

    The status 499 is the one that nginx logs in this case; it appears only in logs and metrics.
    """

    status_code = 499

    def __init__(self) -> None:
        super().__init__("the client disconnected before the response")


async def cancel_on_disconnect(request: ApiRequest, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of some work, and cancel it if the client disconnects.

    Neither the server nor the framework does that. Use it for long work without side effects only: writes
    must not be interrupted.

    Args:
        request: request whose body has been read completely.
        work: coroutine to run.

    Raises:
        ClientDisconnectedError: the client disconnected first; the work has ended.
        Exception: any exception of the work.
    """
    disconnect = asyncio.create_task(_wait_for_disconnect(request))
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((task, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnectedError
        return task.result()
    finally:
        await cancel_and_wait(task, disconnect)


async def _wait_for_disconnect(request: ApiRequest) -> None:
    """Wait until the client disconnects, which the server signals in place of further body messages."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
