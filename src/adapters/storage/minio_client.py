"""Client of the MinIO SDK, configured with short timeouts."""

from __future__ import annotations

import urllib3
from minio import Minio

from framecloak.domain.errors import InvalidSettingError

_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_RETRIES = urllib3.Retry(
    total=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504), raise_on_status=False
)


def minio_client(
    address: str, access_key: str, secret_key: str, *, secure: bool, region: str, connections: int
) -> Minio:
    """Return a client that connects on its first call.

    Args:
        address: host and port, or a URL whose scheme overrides ``secure``.
        access_key: access key id.
        secret_key: secret access key.
        secure: use HTTPS.
        region: region for signatures; given, so that the SDK need not request it from the server.
        connections: maximum number of connections kept open.

    Raises:
        InvalidSettingError: the address is invalid.
    """
    secure, host = _split_scheme(address, secure=secure)
    pool = urllib3.PoolManager(
        maxsize=connections,
        timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        retries=_RETRIES,
    )
    try:
        return Minio(host, access_key, secret_key, secure=secure, region=region, http_client=pool)
    except ValueError as error:
        raise _invalid_address(address, str(error)) from error


def _split_scheme(address: str, *, secure: bool) -> tuple[bool, str]:
    scheme, separator, host = address.partition("://")
    if not separator:
        return secure, address
    if scheme not in {"http", "https"}:
        raise _invalid_address(address, "unknown scheme")
    return scheme == "https", host.rstrip("/")


def _invalid_address(address: str, reason: str) -> InvalidSettingError:
    message = f"{address!r} is not the address of an object store ({reason})"
    return InvalidSettingError(message, "set it to host:port, without a path")
