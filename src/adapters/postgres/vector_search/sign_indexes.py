"""Sign indexes of the large galleries that a process searches, loaded from Postgres and never the truth."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from sqlalchemy import TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from framecloak.adapters.postgres.vector_search.sign_index import MIN_DIMENSION, Numbers, SignIndex
from framecloak.domain.ports.repositories.galleries import EncryptedGallery

logger = logging.getLogger(__name__)

BATCH_FACES = 50_000
"""Number of faces read per statement."""

IDLE_SECONDS = 600.0
"""Seconds without a search after which an index is dropped."""

_BIT_HEADER_BYTES = 4
"""Length that Postgres puts before the bits of each value."""

# One value for all rows: a million rows would take seconds to convert one by one.
_NEW_FACES = text(
    """
    SELECT string_agg(int8send(number), ''::bytea ORDER BY number),
           string_agg(bit_send(signs), ''::bytea ORDER BY number)
    FROM (
        SELECT number, binary_quantize(vector) AS signs FROM gallery_faces
        WHERE gallery_id = :gallery_id AND key_id = :key_id AND number > :watermark
        ORDER BY number LIMIT :batch
    ) AS faces
    """
)

_ALL_NUMBERS = text(
    """
    SELECT string_agg(int8send(number), ''::bytea ORDER BY number) FROM gallery_faces
    WHERE gallery_id = :gallery_id AND key_id = :key_id
    """
)


class Executor(Protocol):
    """Connection that executes statements."""

    def execute(self, statement: TextClause, parameters: dict[str, object], /) -> Awaitable[Any]:
        """Execute a statement and return its result."""
        ...


@dataclass(eq=False)
class _Entry:
    """Index of a gallery under one key.

    Attributes:
        index: its signs.
        loaded: True once all faces that existed at the beginning are in it.
        task: task that loads or cleans it; None while there is none.
        used_at: time of the last search.
    """

    index: SignIndex
    loaded: bool = False
    task: asyncio.Task[None] | None = None
    used_at: float = field(default_factory=monotonic)


class SignIndexes:
    """Sign indexes of a process.

    Args:
        engine: engine of the database.
        above: number of faces above which a gallery has an index.
        max_bytes: memory of all indexes; the least recently used are dropped.
    """

    def __init__(self, engine: AsyncEngine, above: int, max_bytes: int) -> None:
        self._engine = engine
        self._above = above
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[UUID, str], _Entry] = OrderedDict()

    async def current(self, gallery: EncryptedGallery, key_id: str, connection: Executor) -> SignIndex | None:
        """Return the index of a gallery with all its faces; None if there is none, or while it is loaded.

        Args:
            gallery: gallery to search.
            key_id: key of the query.
            connection: connection of the search, which reads faces enrolled since the last one.
        """
        self._drop_idle()
        dimension = gallery.space.dimension
        is_large = gallery.face_count > self._above and gallery.face_count * dimension // 8 < self._max_bytes
        # During a change of the key, faces move from one index to the other.
        if not is_large or gallery.old_key_id is not None or dimension < MIN_DIMENSION or dimension % 8:
            return None
        entry = self._entries.setdefault((gallery.id, key_id), _Entry(SignIndex(dimension)))
        self._entries.move_to_end((gallery.id, key_id))
        entry.used_at = monotonic()
        asyncio.get_running_loop().call_later(IDLE_SECONDS + 1, self._drop_idle)
        if not entry.loaded:
            if entry.task is None or entry.task.done():
                entry.task = asyncio.create_task(self._load(entry, gallery.id, key_id))
            return None
        await _add_new(entry.index, connection, gallery.id, key_id)
        if entry.index.faces != gallery.face_count and (entry.task is None or entry.task.done()):
            entry.task = asyncio.create_task(self._reconcile(entry.index, gallery.id, key_id))
        return entry.index

    def loaded_bytes(self, gallery_id: UUID) -> int | None:
        """Return the memory of a gallery's index in bytes; None if it is not loaded."""
        entries = [entry for (indexed, _), entry in self._entries.items() if indexed == gallery_id]
        return sum(entry.index.nbytes for entry in entries if entry.loaded) or None

    def drop(self, gallery_id: UUID) -> None:
        """Drop the index of a gallery that was deleted."""
        for key in [key for key in self._entries if key[0] == gallery_id]:
            del self._entries[key]

    def remove_face(self, gallery_id: UUID, number: int) -> None:
        """Remove a deleted face; other processes do so at their next search."""
        for (indexed, _), entry in self._entries.items():
            if indexed == gallery_id:
                entry.index.remove(np.array([number]))

    async def close(self) -> None:
        """End all tasks, and drop all indexes."""
        tasks = [entry.task for entry in self._entries.values() if entry.task]
        self._entries.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, entry: _Entry, gallery_id: UUID, key_id: str) -> None:
        try:
            began = monotonic()
            added = BATCH_FACES
            while added == BATCH_FACES and (gallery_id, key_id) in self._entries:
                # A transaction for each batch, so that none is open for long.
                async with self._engine.connect() as connection:
                    added = await _add_new(entry.index, connection, gallery_id, key_id)
            entry.loaded = True
            seconds = round(monotonic() - began, 1)
            logger.info("loaded a gallery index", extra={"faces": entry.index.faces, "seconds": seconds})
        except (SQLAlchemyError, OSError) as error:
            logger.warning("cannot load the index of gallery %s: %s", gallery_id, error)
        self._make_room()

    async def _reconcile(self, index: SignIndex, gallery_id: UUID, key_id: str) -> None:
        """Remove faces that other processes deleted; drop the index if faces are missing from it."""
        try:
            async with self._engine.connect() as connection:
                values = {"gallery_id": gallery_id, "key_id": key_id}
                numbers = (await connection.execute(_ALL_NUMBERS, values)).scalar_one()
            await asyncio.to_thread(index.keep_only, _numbers(numbers))
            if await asyncio.to_thread(index.lacks, _numbers(numbers)):
                self._entries.pop((gallery_id, key_id), None)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("cannot clean the index of gallery %s: %s", gallery_id, error)

    def _make_room(self) -> None:
        while (
            len(self._entries) > 1 and sum(e.index.nbytes for e in self._entries.values()) > self._max_bytes
        ):
            self._entries.popitem(last=False)

    def _drop_idle(self) -> None:
        now = monotonic()
        for key, entry in list(self._entries.items()):
            if now - entry.used_at > IDLE_SECONDS:
                del self._entries[key]


async def _add_new(index: SignIndex, connection: Executor, gallery_id: UUID, key_id: str) -> int:
    """Add up to one batch of faces enrolled since the last call, and return their number."""
    values = {
        "gallery_id": gallery_id,
        "key_id": key_id,
        "watermark": index.watermark,
        "batch": BATCH_FACES,
    }
    numbers, signs = (await connection.execute(_NEW_FACES, values)).one()
    if numbers is None:
        return 0
    added = _numbers(numbers)
    rows = np.frombuffer(signs, np.uint8).reshape(len(added), -1)[:, _BIT_HEADER_BYTES:]
    await asyncio.to_thread(index.add, added, rows)
    return len(added)


def _numbers(data: bytes | None) -> Numbers:
    return np.frombuffer(data or b"", ">i8").astype(np.int64)
