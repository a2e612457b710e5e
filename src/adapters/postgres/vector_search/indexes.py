"""Indexes of large galleries: one for each, made and dropped while everything else goes on.

Measured on two galleries of 100,000 x 512: an index for one gallery alone answered in a fifth of the time of
a common one that is scanned on until enough neighbours are of the right gallery, and found more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from framecloak.adapters.postgres.connection import translated
from framecloak.adapters.postgres.engine import configuration

NEIGHBOURS = 24
"""Of a vector in the graph (pgvector's ``m``); see BENCHMARKS.md for what others give."""

BREADTH = 128
"""Of the search for them (``ef_construction``)."""

LEAST_MEMORY, MOST_MEMORY = 64, 4096
"""MiB that a build may take; the graph has to fit, or the build becomes many times slower."""

_PREFIX = "ix_gallery_faces_hnsw_"
_LOCK = 0x46726D64
"""Of ``pg_try_advisory_lock``; the one beside it is of migrations."""

_EXISTING = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'gallery_faces'::regclass AND starts_with(relname, :prefix)
"""


class GalleryIndexes:
    """Indexes in pgvector; see the port.

    Args:
        url: ``postgresql://user:password@host:port/name``.

    Raises:
        InvalidSettingError: the URL is not the address of a Postgres database.
    """

    def __init__(self, url: str) -> None:
        # Connections of its own: a build takes longer than any transaction of the pool may.
        self._engine = configuration(url, pool_size=None).get_engine()

    async def existing(self) -> set[UUID]:
        """See the port."""
        async with self._connected() as connection:
            return set(await _existing(connection))

    async def build(self, gallery_id: UUID, dimension: int, faces: int) -> bool:
        """See the port."""
        async with self._connected() as connection:
            locked = await connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK})
            if not locked.scalar_one():
                return False
            is_valid = (await _existing(connection)).get(gallery_id)
            if is_valid:
                return True
            if is_valid is not None:
                await _drop(connection, gallery_id)  # what a build left that did not come to its end
            memory = _memory(dimension, faces)
            await connection.execute(text(f"SET maintenance_work_mem = '{memory}MB'"))
            await connection.execute(text(_creation(gallery_id, dimension)))
            # Many faces came lately, and what Postgres does not know of it does not plan for.
            await connection.execute(text("ANALYZE gallery_faces"))
            return True

    async def drop(self, gallery_id: UUID) -> None:
        """See the port."""
        async with self._connected() as connection:
            await _drop(connection, gallery_id)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """A connection without transactions, as building and dropping on the side want it."""
        try:
            async with self._engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        except (SQLAlchemyError, OSError) as error:
            raise translated(error) from error


async def _existing(connection: AsyncConnection) -> dict[UUID, bool]:
    """Galleries with an index, and whether it is complete."""
    rows = await connection.execute(text(_EXISTING), {"prefix": _PREFIX})
    return {UUID(name.removeprefix(_PREFIX)): valid for name, valid in rows}


async def _drop(connection: AsyncConnection, gallery_id: UUID) -> None:
    await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {_name(gallery_id)}"))


def _creation(gallery_id: UUID, dimension: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {_name(gallery_id)} ON gallery_faces "
        f"USING hnsw (CAST(vector AS halfvec({dimension:d})) halfvec_ip_ops) "
        f"WITH (m = {NEIGHBOURS}, ef_construction = {BREADTH}) WHERE gallery_id = '{gallery_id}'"
    )


def _name(gallery_id: UUID) -> str:
    return f"{_PREFIX}{gallery_id.hex}"


def _memory(dimension: int, faces: int) -> int:
    """MiB that the graph takes: vectors in half precision, neighbours, and what they are kept in."""
    needed = faces * (2 * dimension + 2 * NEIGHBOURS * 16 + 256) >> 20
    return min(MOST_MEMORY, max(LEAST_MEMORY, needed))
