"""Signed URLs for the folder store, served by the API."""

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
from framecloak.domain.ports.clock import Clock

URL_PATH_PREFIX = "/objects/"
"""Path under which the API serves objects, followed by the key."""

_PARAMETERS = {"expires", "filename", "method", "signature"}


class SignedUrls:
    """Signer and verifier of ``{base_url}/objects/{key}?expires=..&filename=..&method=..&signature=..``.

    The signature is HMAC-SHA256 over method, key, expiry and file name, so none of them can be changed.

    Args:
        base_url: scheme, host and port of the API as seen by clients; empty for relative URLs.
        key: secret key, derived from the installation's secret for this purpose only.
        clock: current time (UTC), the start of a URL's validity.
    """

    def __init__(self, base_url: str, key: bytes, clock: Clock) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._clock = clock

    def signed_url(self, method: str, key: str, filename: str, ttl: timedelta) -> str:
        """Return a URL that allows one method on one object for a limited time.

        Args:
            method: ``GET`` or ``PUT``.
            key: key of the object.
            filename: file name for the download; empty for uploads.
            ttl: period of validity, rounded up to whole seconds.
        """
        require_key(key)
        expires = str(ceil((self._clock.now() + ttl).timestamp()))
        name = safe_filename(filename) if filename else ""
        query = {
            "expires": expires,
            "filename": name,
            "method": method,
            "signature": self._signature(method, key, expires, name),
        }
        return f"{self._base_url}{URL_PATH_PREFIX}{quote(key)}?{urlencode(query)}"

    def verify(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> str:
        """Verify the signed URL of a request, before the request is processed.

        Args:
            method: HTTP method of the request.
            key: object key from the path, decoded.
            query: query parameters, decoded.
            now: current time (UTC).

        Returns:
            The file name for the download; may be empty.

        Raises:
            ForbiddenError: the URL was altered, is incomplete, or is for another method.
            TokenExpiredError: the URL has expired.
        """
        expires = query.get("expires", "")
        filename = query.get("filename", "")
        expected = self._signature(method, key, expires, filename)
        signature = query.get("signature", "")
        is_signed = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass"))
        # Clients may drop an empty file name; the signature covers it as empty.
        is_complete = set(query) | {"filename"} == _PARAMETERS and query["method"] == method
        if not is_signed or not is_complete:
            raise ForbiddenError("the address was altered or is incomplete", "ask for a new one")
        if now.timestamp() >= int(expires):
            raise TokenExpiredError("the address has expired", "ask for a new one")
        return filename

    def _signature(self, method: str, key: str, expires: str, filename: str) -> str:
        # The file name comes last, because it alone may contain line breaks without ambiguity.
        text = f"{method}\n{key}\n{expires}\n{filename}"
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
