"""Deletion of stored data of requests, within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from framecloak.domain.errors import StorageUnavailableError

MAX_DELETION_SECONDS = 5.0
"""Maximum wait for the object store to delete something; the next clean-up deletes what remains."""


@asynccontextmanager
async def limited_deletion() -> AsyncIterator[None]:
    """Limit the time that the block may take to delete stored data of a request that is over.

    The limit keeps a hanging object store from blocking the caller.

    Raises:
        StorageUnavailableError: the time is up; the next clean-up deletes what remains.
    """
    try:
        async with asyncio.timeout(MAX_DELETION_SECONDS):
            yield
    except TimeoutError as error:
        raise StorageUnavailableError(
            "the request is over, but its stored data could not be deleted yet",
            "no action is needed: the next clean-up deletes it",
        ) from error
