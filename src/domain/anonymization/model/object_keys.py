"""Keys of the object store for what belongs to requests."""

from __future__ import annotations

from uuid import UUID

REQUESTS_PREFIX = "requests/"
"""Key prefix of everything stored for any request."""


def result_prefix(request_id: UUID) -> str:
    """Return the key prefix of everything stored for a request."""
    return f"{REQUESTS_PREFIX}{request_id}/"


def parts_prefix(request_id: UUID) -> str:
    """Return the key prefix of a request's parts."""
    return f"{result_prefix(request_id)}slices/"
