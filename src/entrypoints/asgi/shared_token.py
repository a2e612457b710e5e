"""One token that all who know it share, as the settings name it."""

from __future__ import annotations

import hmac
from typing import Any

from litestar.connection import ASGIConnection


def shows_token(connection: ASGIConnection[Any, Any, Any, Any], token: str) -> bool:
    """Whether a call carries a token; never so where that is empty.

    Args:
        connection: whose ``Authorization`` header is looked at.
        token: what has to be shown; the time it takes tells nothing of it.
    """
    scheme, _, shown = connection.headers.get("authorization", "").strip().partition(" ")
    # Headers come decoded as Latin-1, whatever they were encoded in.
    same = hmac.compare_digest(shown.strip().encode("latin-1"), token.encode())
    return bool(token) and scheme.lower() == "bearer" and same
