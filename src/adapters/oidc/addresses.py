"""Addresses of identity providers."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_confidential(url: str) -> bool:
    """Return True if a URL is https, or http of this machine: tokens must not travel in clear text."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme != "http":
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
