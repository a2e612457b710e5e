"""Uvicorn server of an application on a listening socket."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp

from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.asgi.connection_limits import ConnectionLimits, limited_protocol

MAX_BACKLOG = 2048
"""Maximum number of connections that wait to be accepted."""

DRAIN_SECONDS = 5
"""Seconds that running requests have to finish after a stop."""

KEEP_ALIVE_SECONDS = 65
"""Seconds that an idle connection is kept; more than the minute for which load balancers reuse theirs."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket; clients can connect before the application is ready.

    Args:
        host: host name or address, IPv4 or IPv6.
        port: port; 0 for any free one.

    Raises:
        InvalidSettingError: the address is invalid or in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(MAX_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise InvalidSettingError(
            f"cannot listen on port {port} of {host} ({error.strerror})",
            "choose another port with --port or PORT",
        ) from error
    return listener


def local_url(listener: socket.socket) -> str:
    """Return the URL under which a browser on this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- compared with, not bound to
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_app(
    app: ASGIApp,
    listener: socket.socket,
    stop: asyncio.Event,
    limits: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - immutable
) -> None:
    """Serve an application until `stop` is set; running requests are finished first.

    Args:
        app: application to serve.
        listener: listening socket.
        stop: event that ends the server.
        limits: limits of connections; the headers of its trusted proxies are believed.
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
        )
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

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
