"""An application behind a listening socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from litestar.types import ASGIApp

from framecloak.domain.errors import InvalidSettingError

BACKLOG = 2048
"""Connections that may wait to be accepted."""

DRAIN_SECONDS = 5
"""How long requests that are being answered may take once the process is told to stop."""

IDLE_SECONDS = 65
"""How long an idle connection is kept; longer than the minute that load balancers reuse theirs for."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on, even before anybody answers them.

    Args:
        host: name or address, IPv4 or IPv6.
        port: 0 for any free one.

    Raises:
        InvalidSettingError: it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise InvalidSettingError(
            f"cannot listen on port {port} of {host} ({error.strerror})", "choose another with --port or PORT"
        ) from error
    return listener


def address_of(listener: socket.socket) -> str:
    """The address that a browser on this machine reaches a listening socket under."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 -- compared with, not bound to
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve_app(
    app: ASGIApp, listener: socket.socket, stop: asyncio.Event, trusted_proxies: str = ""
) -> None:
    """Answer requests until told to stop; those that are being answered are finished.

    Args:
        app: what answers.
        listener: where requests come in.
        stop: set when the process is to end.
        trusted_proxies: addresses whose word on where requests come from is taken, with commas.
    """
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies or None,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=BACKLOG,
        )
    )
    _leave_what_lasts_out_of_garbage_collection()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving


def _leave_what_lasts_out_of_garbage_collection() -> None:
    """Modules, routes and schemas live as long as the process; looking through them stops it for 0.1 s."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
