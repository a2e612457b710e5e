"""HNSW indexes of large galleries: one per gallery, built and dropped concurrently.

Measured on two galleries of 100,000 vectors of dimension 512: an index per gallery answered in a fifth of the
time of a shared index, which must be scanned until enough neighbours belong to the right gallery. Its recall
was higher, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from framecloak.adapters.postgres.connection import translate_error
from framecloak.adapters.postgres.engine import database_configuration

HNSW_M = 24
"""Neighbours per vector in the graph (pgvector's ``m``); BENCHMARKS.md compares other values."""

HNSW_EF_CONSTRUCTION = 128
"""Candidate list size while the graph is built (pgvector's ``ef_construction``)."""

MIN_BUILD_MEMORY_MIB, MAX_BUILD_MEMORY_MIB = 64, 4096
"""Limits of the memory for a build in MiB. A build whose graph does not fit is many times slower."""

_PREFIX = "ix_gallery_faces_hnsw_"
_BUILD_LOCK_KEY = 0x46726D64
"""Key for ``pg_try_advisory_lock``; the neighbouring key belongs to the migrations."""

_SELECT_INDEXES = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'gallery_faces'::regclass AND starts_with(relname, :prefix)
"""


class PostgresGalleryIndexes:
    """Gallery indexes in pgvector; see the port.

    Args:
        url: ``postgresql://user:password@host:port/name``.

    Raises:
        InvalidSettingError: the URL is not the URL of a Postgres database.
    """

    def __init__(self, url: str) -> None:
        # An engine of its own: a build exceeds the time limit of the pool's transactions.
        self._engine = database_configuration(url, pool_size=None).get_engine()

    async def existing(self) -> set[UUID]:
        """See the port."""
        async with self._autocommit_connection() as connection:
            return set(await _indexed_galleries(connection))

    async def build(self, gallery_id: UUID, dimension: int, faces: int) -> bool:
        """See the port."""
        async with self._autocommit_connection() as connection:
            locked = await connection.execute(
                text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _BUILD_LOCK_KEY}
            )
            if not locked.scalar_one():
                return False
            is_valid = (await _indexed_galleries(connection)).get(gallery_id)
            if is_valid:
                return True
            if is_valid is not None:
                await _drop_index(connection, gallery_id)  # left invalid by an interrupted build
            memory = _graph_memory_mib(dimension, faces)
            await connection.execute(text(f"SET maintenance_work_mem = '{memory}MB'"))
            await connection.execute(text(_create_statement(gallery_id, dimension)))
            # Many faces were added recently; the planner needs current statistics.
            await connection.execute(text("ANALYZE gallery_faces"))
            return True

    async def drop(self, gallery_id: UUID) -> None:
        """See the port."""
        async with self._autocommit_connection() as connection:
            await _drop_index(connection, gallery_id)

    @asynccontextmanager
    async def _autocommit_connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection in autocommit mode, which CREATE and DROP INDEX CONCURRENTLY require."""
        try:
            async with self._engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        except (SQLAlchemyError, OSError) as error:
            raise translate_error(error, self._engine.url) from error


async def _indexed_galleries(connection: AsyncConnection) -> dict[UUID, bool]:
    """Return the galleries that have an index, each with whether the index is valid."""
    rows = await connection.execute(text(_SELECT_INDEXES), {"prefix": _PREFIX})
    return {UUID(name.removeprefix(_PREFIX)): valid for name, valid in rows}


async def _drop_index(connection: AsyncConnection, gallery_id: UUID) -> None:
    await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {_index_name(gallery_id)}"))


def _create_statement(gallery_id: UUID, dimension: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY {_index_name(gallery_id)} ON gallery_faces "
        f"USING hnsw (CAST(vector AS halfvec({dimension:d})) halfvec_ip_ops) "
        f"WITH (m = {HNSW_M}, ef_construction = {HNSW_EF_CONSTRUCTION}) WHERE gallery_id = '{gallery_id}'"
    )


def _index_name(gallery_id: UUID) -> str:
    return f"{_PREFIX}{gallery_id.hex}"


def _graph_memory_mib(dimension: int, faces: int) -> int:
    """Return the size of the graph in MiB: half-precision vectors, neighbour lists and overhead."""
    needed = faces * (2 * dimension + 2 * HNSW_M * 16 + 256) >> 20
    return min(MAX_BUILD_MEMORY_MIB, max(MIN_BUILD_MEMORY_MIB, needed))
