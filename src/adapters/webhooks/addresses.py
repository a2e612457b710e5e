"""Filter of destination addresses, and a network backend that connects only to permitted ones.

A host name is resolved once, its addresses are checked, and the connection is made to a checked address. A
second lookup could return other addresses (DNS rebinding).
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
"""Function that resolves a host to IP addresses; raises ``OSError`` or ``UnicodeError`` on failure."""
SocketOption: TypeAlias = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

_GLOBAL_UNICAST = ip_network("2000::/3")
_FORBIDDEN_NETWORKS = tuple(
    map(
        ip_network,
        (
            # These embed an IPv4 address to which a gateway would connect.
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
            "192.88.99.0/24",
            # IETF protocol assignments; older versions of Python classify only parts of them as not global.
            "192.0.0.0/24",
        ),
    )
)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Resolve a host with the system's resolver; each address occurs once.

    Raises:
        OSError: the host does not exist, or the resolver does not answer.
        UnicodeError: the text is not a valid host name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_permitted(address: str, *, allow_private: bool) -> bool:
    """Return whether webhooks may connect to an address.

    Args:
        address: IP address.
        allow_private: whether addresses of this machine and of private networks are permitted. Link-local
            addresses never are, because clouds serve machine credentials there.
    """
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    if (
        ip.is_link_local
        or ip.is_multicast
        or ip.is_unspecified
        or any(ip in network for network in _FORBIDDEN_NETWORKS)
    ):
        return False
    return allow_private or _is_public(ip)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and (isinstance(ip, IPv4Address) or ip in _GLOBAL_UNICAST)


class FilteredNetworkBackend(httpcore.AsyncNetworkBackend):
    """Network backend of httpcore that connects only to permitted addresses.

    Args:
        allow_private: as for `is_permitted`.
        resolver: resolver of host names.
        network: backend that makes the connections; by default that of AnyIO.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolver = resolve,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._lookup = resolver
        self._network = network or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the parameter is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that accepts the connection.

        Raises:
            WebhookFailedError: the host has no address, or one that is not permitted.
            httpcore.NetworkError: all addresses fail; the error is that of the last one.
            httpcore.TimeoutException: all addresses fail, and the last one times out.
        """
        addresses = await self._permitted_addresses(host, port)
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
        """Reject Unix sockets.

        Raises:
            WebhookFailedError: always.
        """
        raise WebhookFailedError("a webhook cannot use a socket of this machine", retry=False)

    async def sleep(self, seconds: float) -> None:
        """Sleep for a number of seconds."""
        await self._network.sleep(seconds)

    async def _permitted_addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._lookup(host, port)
        except UnicodeError as error:
            raise WebhookFailedError("the receiver's host name is invalid", retry=False) from error
        except OSError as error:
            raise WebhookFailedError("the receiver's host name cannot be resolved", retry=True) from error
        if not addresses:
            raise WebhookFailedError("the receiver's host name has no address", retry=True)
        # A single forbidden address rejects the host: a legitimate receiver has none.
        if not all(is_permitted(address, allow_private=self._allow_private) for address in addresses):
            raise WebhookFailedError(
                "the receiver is not on the public internet",
                "WEBHOOK_ALLOW_PRIVATE lets webhooks call private networks",
                retry=False,
            )
        return addresses
