"""Connections with next to no client overhead, used by several benchmarks.

Client and service share the cores, so whatever the client spends on making requests is missing for the
service. For that reason requests are built once, before the measurement, and sent over a plain socket.
"""

from __future__ import annotations

import re
import socket
import sys

from benchmarks.support.processes import Client

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200"
_BLOCK = 1 << 18


def post(client: Client, path: str, body: bytes, media_type: str) -> bytes:
    """Return all bytes of a request.

    Args:
        client: account and address.
        path: path and query.
        body: content.
        media_type: media type of the body.
    """
    base = client.http.base_url
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {base.host}:{base.port}\r\n"
        f"Authorization: {client.http.headers['Authorization']}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A persistent connection.

    Args:
        client: client with the address of the service.
    """

    def __init__(self, client: Client) -> None:
        base = client.http.base_url
        self._socket = socket.create_connection((base.host, base.port or 80), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> bytes:
        """Send a request; return the body of the response. Any status but 200 ends the benchmark."""
        self._socket.sendall(request)
        received = b""
        while (end := received.find(_END)) < 0:
            received = self._more(received)
        head, content = received[:end], received[end + len(_END) :]
        length = _LENGTH.search(head)
        while length and len(content) < int(length[1]):
            content = self._more(content)
        if not head.startswith(_OK):
            sys.exit(f"{request[:80].decode(errors='replace')}...: {content.decode()}")
        return content

    def _more(self, received: bytes) -> bytes:
        block = self._socket.recv(_BLOCK)
        if not block:
            sys.exit(f"the service hung up after {received[:200]!r}")
        return received + block
