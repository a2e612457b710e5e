"""Uvicorn server of an application on a listening socket."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp

from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits, limited_protocol
from framecloak.entrypoints.asgi.listening import MAX_BACKLOG

DRAIN_SECONDS = 5
"""Seconds that running requests have to finish after a stop."""

KEEP_ALIVE_SECONDS = 65
"""Seconds that an idle connection is kept; more than the minute for which load balancers reuse theirs."""


async def serve_app(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - immutable
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Serve an application until `stop` is set; running requests are finished first.

    Args:
        app: application to serve.
        listener: listening socket.
        stop: event that ends the server.
        limits: limits of connections; the headers of its trusted proxies are believed.
        on_started: called when the application answers requests.
    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            http=limited_protocol(limits),
            ws="none",
            proxy_headers=bool(limits.trusted_proxies),
            forwarded_allow_ips=limits.trusted_proxies or None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=MAX_BACKLOG,
        ),
        on_started,
    )
    _freeze_garbage_collection()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


def _freeze_garbage_collection() -> None:
    """Exclude permanent objects such as modules and routes, whose scan pauses the process for 0.1 s."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Uvicorn server that leaves signal handling to the entry point of the process."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and report that the application answers."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
