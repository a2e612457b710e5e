"""Network address that a call is counted for."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from litestar.types import HTTPScope, Scope


def client_address(scope: Scope | HTTPScope) -> str:
    """Return the network of a client: its IPv4 address, or the /64 network of its IPv6 address."""
    client = scope["client"]
    if client is None:
        return "local"
    try:
        address = ip_address(client[0].partition("%")[0])
    except ValueError:
        return client[0]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)
