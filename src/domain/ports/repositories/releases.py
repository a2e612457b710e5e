"""Repository of releases of results, and of the frames that reviewers have seen."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol
from uuid import UUID


class ReleaseRepository(Protocol):
    """Repository of releases. The marks of seen frames are deleted with the result; a release is kept."""

    async def mark_seen(self, request_id: UUID, user_id: int, frames: Sequence[int]) -> None:
        """Record that a user has seen frames of a result; frames marked before stay marked."""
        ...

    async def seen(self, request_id: UUID, user_id: int) -> AbstractSet[int]:
        """Return the indices of the frames that a user has seen; empty after the result was deleted."""
        ...

    async def release(self, request_id: UUID, now: datetime, name: str, document: bytes) -> bool:
        """Release a result.

        Args:
            request_id: request whose result is released.
            now: time of the release, UTC.
            name: name or code of the person who releases it.
            document: signed addendum to the manifest.

        Returns:
            False if there is no result, or it is released already.
        """
        ...

    async def document(self, request_id: UUID) -> bytes | None:
        """Return the signed addendum of a release; None if the result was not released."""
        ...
