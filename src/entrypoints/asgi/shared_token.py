"""Check of a bearer token shared by several clients and configured in the settings."""

from __future__ import annotations

import hmac
from typing import Any

from litestar.connection import ASGIConnection


def has_bearer_token(connection: ASGIConnection[Any, Any, Any, Any], token: str) -> bool:
    """Return True if a request carries a bearer token; False if the expected token is empty.

    Args:
        connection: request with the ``Authorization`` header.
        token: expected token; compared in constant time.
    """
    scheme, _, sent = connection.headers.get("authorization", "").strip().partition(" ")
    # The server decodes headers as Latin-1, whatever their encoding.
    is_equal = hmac.compare_digest(sent.strip().encode("latin-1"), token.encode())
    return bool(token) and scheme.lower() == "bearer" and is_equal
