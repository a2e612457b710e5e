"""Addresses that carry their own permission, for the folder store; the API answers them."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from urllib.parse import quote, urlencode

from framecloak.adapters.storage.filenames import safe_filename
from framecloak.adapters.storage.object_keys import require_key
from framecloak.domain.errors import ForbiddenError, TokenExpiredError
from framecloak.domain.ports.services import Clock

PATH = "/objects/"
"""Where the API serves objects: this, followed by the key."""

_PARAMETERS = {"expires", "filename", "method", "signature"}


class SignedUrls:
    """Makes and checks ``{base_url}/objects/{key}?expires=..&filename=..&method=..&signature=..``.

    The signature is HMAC-SHA256 over method, key, expiry and file name, so none of them can be changed.

    Args:
        base_url: scheme, host and port that clients reach the API under; empty for relative addresses.
        key: secret bytes, derived from the installation's secret for this purpose alone.
        clock: tells when an address expires.
    """

    def __init__(self, base_url: str, key: bytes, clock: Clock) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._clock = clock

    def address(self, method: str, key: str, filename: str, lasts: timedelta) -> str:
        """An address that allows one method on one object for a while.

        Args:
            method: ``GET`` or ``PUT``.
            key: of the object.
            filename: to save the object under; empty where nothing is saved.
            lasts: how long, rounded up to whole seconds.
        """
        require_key(key)
        expires = str(ceil((self._clock.now() + lasts).timestamp()))
        name = safe_filename(filename) if filename else ""
        query = {
            "expires": expires,
            "filename": name,
            "method": method,
            "signature": self._signature(method, key, expires, name),
        }
        return f"{self._base_url}{PATH}{quote(key)}?{urlencode(query)}"

    def verify(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> str:
        """Check the address of a request before anything else is done with it.

        Args:
            method: of the request.
            key: from its path, decoded.
            query: its parameters, decoded.
            now: UTC.

        Returns:
            The file name to save the object under; may be empty.

        Raises:
            ForbiddenError: the address was altered, is incomplete, or is for another method.
            TokenExpiredError: it came too late.
        """
        expires = query.get("expires", "")
        filename = query.get("filename", "")
        expected = self._signature(method, key, expires, filename)
        given = query.get("signature", "")
        is_signed = hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
        # An empty file name may have got lost on the way; the signature still says that it is empty.
        is_complete = set(query) | {"filename"} == _PARAMETERS and query["method"] == method
        if not is_signed or not is_complete:
            raise ForbiddenError("the address was altered or is not complete", "ask for a new one")
        if now.timestamp() >= int(expires):
            raise TokenExpiredError("the address has expired", "ask for a new one")
        return filename

    def _signature(self, method: str, key: str, expires: str, filename: str) -> str:
        # Only the last part may hold a line break without being mistaken for two.
        text = f"{method}\n{key}\n{expires}\n{filename}"
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
