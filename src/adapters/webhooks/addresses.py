"""Which addresses may be called, and connections to none but these.

A name is looked up once, what it stands for is checked, and the connection is made to the very address that
was checked. Looked up twice, a name can stand for something else the second time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

import httpcore

from framecloak.domain.errors import WebhookFailedError

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the IP addresses of a host; raises ``OSError`` or ``UnicodeError`` when it has none."""
SocketOption: TypeAlias = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

_GLOBAL_UNICAST = ip_network("2000::/3")
_NEVER = tuple(
    map(
        ip_network,
        (
            # In these lies an IPv4 address that a gateway would connect to.
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
            "192.88.99.0/24",
            # Assignments of the IETF; older versions of Python count only parts of them as not global.
            "192.0.0.0/24",
        ),
    )
)


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver knows about a host, each address once.

    Raises:
        OSError: there is no such host, or no answer.
        UnicodeError: it cannot be the name of a host.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def may_be_called(address: str, *, allow_private: bool) -> bool:
    """Whether a receiver may be there.

    Args:
        address: of IP.
        allow_private: whether it may be one of this machine or its networks. Not so the addresses of a link,
            where clouds tell machines their credentials.
    """
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or any(ip in one for one in _NEVER):
        return False
    return allow_private or _is_public(ip)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and (isinstance(ip, IPv4Address) or ip in _GLOBAL_UNICAST)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that may be called. What goes through the connection is left to others.

    Args:
        allow_private: as for `may_be_called`.
        lookup: what names stand for.
        network: makes the connections.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        lookup: Resolver = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._lookup = lookup
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the parameter is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            WebhookFailedError: the host has no address, or one that may not be called.
            httpcore.NetworkError: no address answers.
            httpcore.TimeoutException: in time, that is.
        """
        addresses = await self._addresses(host, port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.TimeoutException):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002 - the parameters are httpcore's
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - as above
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.AsyncNetworkStream:
        """Refuse it.

        Raises:
            WebhookFailedError: always.
        """
        raise WebhookFailedError("a webhook cannot be a socket of this machine", retry=False)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._lookup(host, port)
        except UnicodeError as error:
            raise WebhookFailedError("the receiver's name is none", retry=False) from error
        except OSError as error:
            raise WebhookFailedError("the receiver's name cannot be looked up", retry=True) from error
        if not addresses:
            raise WebhookFailedError("the receiver's name has no address", retry=True)
        # One bad address spoils the others: an honest receiver has none.
        if not all(may_be_called(one, allow_private=self._allow_private) for one in addresses):
            raise WebhookFailedError(
                "the receiver is not on the public internet",
                "WEBHOOK_ALLOW_PRIVATE lets webhooks call private networks",
                retry=False,
            )
        return addresses
