"""Releases of results in memory."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from fakes.persistence.tables import Transaction


class FakeReleaseRepository:
    def __init__(self, transaction: Transaction) -> None:
        self._tx = transaction

    async def mark_seen(self, request_id: UUID, user_id: int, frames: Sequence[int]) -> None:
        rows = await self._tx.write()
        key = (request_id, user_id)
        rows.seen_frames[key] = rows.seen_frames.get(key, frozenset()) | {*frames}

    async def seen(self, request_id: UUID, user_id: int) -> AbstractSet[int]:
        return self._tx.rows.seen_frames.get((request_id, user_id), frozenset())

    async def release(self, request_id: UUID, now: datetime, name: str, document: bytes) -> bool:
        rows = await self._tx.write()
        request = rows.requests.get(request_id)
        if request is None or request.result_key is None or request.released_at is not None:
            return False
        rows.requests[request_id] = replace(request, released_at=now, released_by=name)
        rows.release_documents[request_id] = document
        return True

    async def document(self, request_id: UUID) -> bytes | None:
        return self._tx.rows.release_documents.get(request_id)
