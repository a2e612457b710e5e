"""Listening sockets, opened before the slow imports of an application, so that errors are told first."""

from __future__ import annotations

import socket

from framecloak.domain.errors import InvalidSettingError

MAX_BACKLOG = 2048
"""Maximum number of connections that wait to be accepted."""


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
