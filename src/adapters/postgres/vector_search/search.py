"""Search in a gallery: exact, or approximate where the gallery has an index.

Galleries of long vectors have an index of signs in memory (`sign_index`). In those of short vectors, an index
of Postgres returns candidates by half-precision inner products (HNSW: Malkov and Yashunin, 2016, in the
implementation of pgvector). Candidates are compared again exactly, so that every reported similarity equals
that of an exact search. An index search may miss a face, more often in larger galleries. Therefore an empty
result is only reported after an exact search, or when the candidates were complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import select, text

from framecloak.adapters.postgres.connection import Connection, Record
from framecloak.adapters.postgres.rows.galleries import FACE_COLUMNS, face_from_row
from framecloak.adapters.postgres.tables.galleries import GalleryFaceRow
from framecloak.adapters.postgres.vector_search.sign_index import Numbers, SignIndex, packed_signs
from framecloak.adapters.postgres.vector_search.sign_indexes import SignIndexes
from framecloak.domain.ports.repositories.galleries import EncryptedFace, EncryptedGallery, RotatedQuery

MIN_EF_SEARCH = 100
"""Minimum candidate list size of an index search (pgvector's ``hnsw.ef_search``)."""

FACES_PER_LIST_ENTRY = 1000
"""Faces in the gallery per list entry: larger galleries need a larger list; see BENCHMARKS.md."""

MIN_CANDIDATES = 100
"""Minimum number of faces that are compared exactly after an index search."""

FIRST_COMPARED = 100
"""Faces nearest by their signs that are compared first. With a match among them, few others need be read,
which counts where the vectors are not in memory."""

CANDIDATES_PER_PERSON = 4
"""Candidates per requested person, because a person may have several faces."""

MAX_CANDIDATES = 1000
"""Maximum of pgvector's ``hnsw.ef_search``."""

BestFaces: TypeAlias = dict[UUID, float]
"""Cosine similarity of each person's best face, by face id, in descending order."""

_QUERY_VECTOR = "CAST(CAST(:vector AS real[]) AS vector)"

_EXACT_SEARCH = f"""
    SELECT id, distance FROM (
        SELECT DISTINCT ON (person) id, vector <#> {_QUERY_VECTOR} AS distance
        FROM gallery_faces
        WHERE gallery_id = :gallery_id AND key_id = :key_id AND vector <#> {_QUERY_VECTOR} <= :farthest
        ORDER BY person, distance, id
    ) AS best
    ORDER BY distance, id LIMIT :top_k
"""  # noqa: S608 -- literals from this file

_EXACT_CANDIDATES = f"""
    SELECT id, person, vector <#> {_QUERY_VECTOR} AS distance FROM gallery_faces
    WHERE gallery_id = :gallery_id AND number = ANY(:numbers) AND key_id = :key_id
    ORDER BY distance, id
"""  # noqa: S608 -- literals from this file

# The gallery's id is a literal: Postgres uses a partial index only if the plan proves its condition.
_INDEX_SEARCH = f"""
    SELECT id, person, vector <#> {_QUERY_VECTOR} AS distance FROM (
        SELECT id, person, key_id, vector FROM gallery_faces
        WHERE gallery_id = '%(gallery_id)s'
        ORDER BY CAST(vector AS halfvec(%(dimension)d)) <#> CAST({_QUERY_VECTOR} AS halfvec(%(dimension)d))
        LIMIT :candidates
    ) AS near
    WHERE key_id = :key_id
    ORDER BY distance, id
"""  # noqa: S608 -- literals from this file

# Iterative scans continue while there are too few results, for example after many deletions.
_SET_SEARCH_OPTIONS = """
    SELECT set_config('hnsw.ef_search', CAST(:effort AS text), true),
           set_config('hnsw.iterative_scan', 'relaxed_order', true)
"""


async def nearest_faces(
    connection: Connection,
    signs: SignIndexes,
    gallery: EncryptedGallery,
    query: RotatedQuery,
    threshold: float,
    top_k: int,
) -> Sequence[tuple[EncryptedFace, float]]:
    """Return the best face of each sufficiently similar person; see the port of gallery faces.

    Args:
        connection: connection of the transaction.
        signs: indexes in memory.
        gallery: gallery to search.
        query: query vector and its key id.
        threshold: minimum cosine similarity.
        top_k: maximum number of people.

    Returns:
        Faces with their cosine similarities, in descending order.
    """
    best = None
    index = await signs.current(gallery, query.key_id, connection)
    if index is not None:
        best = await _search_signs(connection, index, gallery, query, threshold, top_k)
    elif gallery.indexed:
        best = await _search_index(connection, gallery, query, threshold, top_k)
    if best is None:
        best = await _search_exactly(connection, gallery, query, threshold, top_k)
    statement = select(*FACE_COLUMNS).where(GalleryFaceRow.id.in_(best))
    faces = {face.id: face for face in map(face_from_row, await connection.execute(statement))}
    # A face may have been deleted between the two statements.
    return [(faces[face_id], similarity) for face_id, similarity in best.items() if face_id in faces]


async def _search_exactly(
    connection: Connection, gallery: EncryptedGallery, query: RotatedQuery, threshold: float, top_k: int
) -> BestFaces:
    parameters = {
        "gallery_id": gallery.id,
        "key_id": query.key_id,
        "vector": query.vector.tolist(),
        "farthest": -threshold,
        "top_k": top_k,
    }
    rows = await connection.execute(text(_EXACT_SEARCH), parameters)
    return {face_id: _cosine(distance) for face_id, distance in rows}


async def _search_signs(
    connection: Connection,
    index: SignIndex,
    gallery: EncryptedGallery,
    query: RotatedQuery,
    threshold: float,
    top_k: int,
) -> BestFaces | None:
    """Return the best of the faces that are nearest by their signs; None when some may be missing."""
    found = await asyncio.to_thread(index.nearest, packed_signs(query.vector), threshold)
    first, rest = found.numbers[:FIRST_COMPARED], found.numbers[FIRST_COMPARED:]
    rows = await _compared(connection, gallery, query, first, threshold)
    best = _best_of_people(rows, top_k)
    if len(best) == top_k:
        # Only faces that may be more similar than these can still change the result.
        rest = found.numbers[FIRST_COMPARED : found.as_similar_as(min(best.values()))]
    if len(rest):
        rows += await _compared(connection, gallery, query, rest, threshold)
        best = _best_of_people(sorted(rows, key=lambda row: (row[2], row[0])), top_k)
    # Complete candidates leave out one in a hundred of the faces at the very threshold, and fewer above it.
    return best if found.complete or len(best) == top_k else None


async def _compared(
    connection: Connection, gallery: EncryptedGallery, query: RotatedQuery, numbers: Numbers, threshold: float
) -> list[Record]:
    """Return id, person and distance of those faces that are similar enough, nearest first."""
    parameters = {
        "gallery_id": gallery.id,
        "key_id": query.key_id,
        "vector": query.vector.tolist(),
        "numbers": numbers.tolist(),
    }
    rows = await connection.execute(text(_EXACT_CANDIDATES), parameters)
    return [row for row in rows if -row[2] >= threshold]


async def _search_index(
    connection: Connection, gallery: EncryptedGallery, query: RotatedQuery, threshold: float, top_k: int
) -> BestFaces | None:
    """Return the best matches found by the index; None when there are none or some may be missing."""
    candidates = max(MIN_CANDIDATES, CANDIDATES_PER_PERSON * top_k)
    if candidates > MAX_CANDIDATES:
        return None
    effort = min(MAX_CANDIDATES, max(MIN_EF_SEARCH, candidates, gallery.face_count // FACES_PER_LIST_ENTRY))
    await connection.execute(text(_SET_SEARCH_OPTIONS), {"effort": str(effort)})
    statement = text(_INDEX_SEARCH % {"gallery_id": gallery.id, "dimension": gallery.space.dimension})
    parameters = {"key_id": query.key_id, "vector": query.vector.tolist(), "candidates": candidates}
    rows = (await connection.execute(statement, parameters)).all()
    similar = [row for row in rows if -row[2] >= threshold]
    best = _best_of_people(similar, top_k)
    # All candidates are similar enough but belong to too few people: more people may follow.
    is_truncated = len(similar) == candidates and len(best) < top_k
    return best if best and not is_truncated else None


def _best_of_people(rows: Sequence[Record], top_k: int) -> BestFaces:
    """Return the best face of each person in rows of id, person and distance, nearest first."""
    people: set[bytes] = set()
    best: BestFaces = {}
    for face_id, person, distance in rows:
        if person not in people and len(best) < top_k:
            people.add(person)
            best[face_id] = _cosine(distance)
    return best


def _cosine(distance: float) -> float:
    """Return the cosine for pgvector's negative inner product, clipped to [-1, 1]."""
    return min(1.0, max(-1.0, -distance))
