"""Limits of connections in Uvicorn's HTTP protocol, which has none for headers, bodies and addresses.

A proxy in front usually has such limits as well; these hold for the server alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of the connections of one server.

    Attributes:
        header_bytes: maximum size of a request line with its headers.
        header_seconds: maximum duration from the first byte of a request, or from the connection, to the end
            of its headers.
        body_seconds: interval in which a body has to bring ``body_bytes``; the connection is closed after two
            that bring less, unless the application did not read.
        body_bytes: minimum progress of a body in an interval.
        per_address: maximum number of connections from one network address; 0 means no limit.
        trusted_proxies: addresses or networks, separated by commas, whose connections are not counted.
    """

    header_bytes: int = 64 * 1024
    header_seconds: float = 20.0
    body_seconds: float = 15.0
    body_bytes: int = 16 * 1024
    per_address: int = 256
    trusted_proxies: str = ""


@dataclass(slots=True)
class _Connections:
    """Open connections by address."""

    limits: ConnectionLimits
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, address: str) -> bool:
        """Count a connection unless its address has too many; return whether it was counted."""
        if self.counts[address] >= self.limits.per_address:
            return False
        self.counts[address] += 1
        return True

    def remove(self, address: str) -> None:
        self.counts[address] -= 1
        if not self.counts[address]:
            del self.counts[address]

    def is_counted(self, address: str) -> bool:
        """Return whether connections from an address are limited."""
        return bool(self.limits.per_address) and not _is_trusted(address, self.limits.trusted_proxies)


def limited_protocol(limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """Return the protocol class of a server with these limits; its instances share their counts."""

    class Protocol(_LimitedProtocol):
        open_connections = _Connections(limits)

    return Protocol


class _LimitedProtocol(HttpToolsProtocol):
    """HTTP protocol that refuses headers that are too long, and requests that arrive too slowly."""

    open_connections: ClassVar[_Connections]

    _address: str | None = None
    _in_head = True
    _completed = False
    _head_bytes = 0
    _parsed_bytes = 0
    _body_bytes = 0
    _is_slow = False
    _deadline: asyncio.TimerHandle | None = None

    @property
    def _limits(self) -> ConnectionLimits:
        return self.open_connections.limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else None
        if address is not None and self.open_connections.is_counted(address):
            if not self.open_connections.add(address):
                self._refuse(503, "too_many_connections", "too many connections from this address")
                return
            self._address = address
        self._start_head_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        if self._address is not None:
            self.open_connections.remove(self._address)
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head and self._deadline is None:
            self._start_head_deadline()
        self._body_bytes += len(data)
        self._completed = False
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._completed:
            return  # these were mostly bytes of a body
        if self._in_head:
            # The parser reports a header only once it is complete, so its bytes are counted here.
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.header_bytes:
                self._refuse_headers()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._limits.body_seconds, self._check_body)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_parsed(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count_parsed(len(name) + len(value))

    def send_400_response(self, msg: str) -> None:
        if self._parsed_bytes > self._limits.header_bytes:
            self._refuse_headers()
        else:
            self._stop_deadline()
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        self._stop_deadline()
        self._in_head, self._is_slow = False, False
        self._head_bytes = self._parsed_bytes = self._body_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_deadline()
        self._in_head = self._completed = True
        super().on_message_complete()

    def _count_parsed(self, size: int) -> None:
        self._parsed_bytes += size
        if self._parsed_bytes > self._limits.header_bytes:
            raise ValueError("the headers are too long")  # the parser reports it as an invalid request

    def _check_body(self) -> None:
        """Close the connection after two intervals with too little progress; otherwise check again later."""
        waits = self.flow.read_paused or self.cycle.waiting_for_100_continue
        is_slow = self._body_bytes < self._limits.body_bytes and not waits
        if is_slow and self._is_slow:
            self._refuse(408, "request_timeout", "the body of the request arrives too slowly")
            return
        self._is_slow, self._body_bytes = is_slow, 0
        self._deadline = self.loop.call_later(self._limits.body_seconds, self._check_body)

    def _start_head_deadline(self) -> None:
        self._deadline = self.loop.call_later(self._limits.header_seconds, self._head_is_late)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_is_late(self) -> None:
        if not self._is_responding():
            self._refuse(408, "request_timeout", "the headers of the request did not arrive in time")

    def _is_responding(self) -> bool:
        """Return whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse_headers(self) -> None:
        limit = self._limits.header_bytes
        self._refuse(431, "headers_too_large", f"request line and headers may have at most {limit} bytes")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer with problem details unless a response has begun, and close the connection."""
        self._stop_deadline()
        logger.info("refused a connection: %s", detail, extra={"code": code, "client": self.client})
        cycle: RequestResponseCycle | None = self.cycle
        if not (cycle and cycle.response_started and not cycle.response_complete):
            body = json.dumps(
                {"type": f"urn:framecloak:problem:{code}", "status": status, "code": code, "detail": detail}
            ).encode()
            head = (
                f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()


def _is_trusted(address: str, trusted_proxies: str) -> bool:
    names = [name.strip() for name in trusted_proxies.split(",") if name.strip()]
    if "*" in names:
        return True
    try:
        host = ip_address(address.partition("%")[0])
        return any(host in ip_network(name, strict=False) for name in names)
    except ValueError:
        return address in names
