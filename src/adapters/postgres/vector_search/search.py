"""Searching a gallery: exactly by default, through its index where it has one.

An index finds candidates by half-precision products (HNSW: Malkov and Yashunin, 2016, as pgvector has it);
these are then compared exactly, so that what is answered is what an exact search would say of the same face.
A walk through an index may miss a face, the more so the larger the gallery: it can say who is there, but that
nobody is there is only said after an exact search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import select, text

from framecloak.adapters.postgres.connection import Connection
from framecloak.adapters.postgres.rows.galleries import FACE, face_of
from framecloak.adapters.postgres.tables.galleries import GalleryFaceRow
from framecloak.domain.ports.galleries import Query, SealedFace, SealedGallery

EFFORT = 100
"""Least number of neighbours that a walk through the index keeps in sight."""

FACES_PER_NEIGHBOUR = 1000
"""One more for so many: the larger a gallery, the sooner a walk goes astray; see BENCHMARKS.md."""

CANDIDATES = 100
"""Least number of faces that are compared exactly after such a walk."""

CANDIDATES_PER_PERSON = 4
"""How many of them there are for each person that is asked for, because a person may have several."""

MOST_CANDIDATES = 1000
"""What pgvector can keep in sight."""

Best: TypeAlias = dict[UUID, float]
"""Cosines of the best face of each person, by its id, the best first."""

_QUERY = "CAST(CAST(:vector AS real[]) AS vector)"

_EXACT = f"""
    SELECT id, distance FROM (
        SELECT DISTINCT ON (person) id, vector <#> {_QUERY} AS distance
        FROM gallery_faces
        WHERE gallery_id = :gallery_id AND key_id = :key_id AND vector <#> {_QUERY} <= :farthest
        ORDER BY person, distance, id
    ) AS best
    ORDER BY distance, id LIMIT :top_k
"""  # noqa: S608 -- literals from this file

# The gallery's id is no parameter: Postgres uses a partial index only if it sees that the condition holds.
_APPROXIMATE = f"""
    SELECT id, person, vector <#> {_QUERY} AS distance FROM (
        SELECT id, person, key_id, vector FROM gallery_faces
        WHERE gallery_id = '%(gallery_id)s'
        ORDER BY CAST(vector AS halfvec(%(dimension)d)) <#> CAST({_QUERY} AS halfvec(%(dimension)d))
        LIMIT :candidates
    ) AS near
    WHERE key_id = :key_id
    ORDER BY distance, id
"""  # noqa: S608 -- literals from this file

# A walk goes on where it finds fewer than it should, as after many deletions.
_TUNE = """
    SELECT set_config('hnsw.ef_search', CAST(:effort AS text), true),
           set_config('hnsw.iterative_scan', 'relaxed_order', true)
"""


async def search(
    connection: Connection, gallery: SealedGallery, query: Query, threshold: float, top_k: int
) -> Sequence[tuple[SealedFace, float]]:
    """See the port of gallery faces."""
    best = None
    if gallery.indexed:
        best = await _approximate(connection, gallery, query, threshold, top_k)
    if best is None:
        best = await _exact(connection, gallery, query, threshold, top_k)
    statement = select(*FACE).where(GalleryFaceRow.id.in_(best))
    faces = {face.id: face for face in map(face_of, await connection.execute(statement))}
    # Less a face that was deleted between the two statements.
    return [(faces[face_id], similarity) for face_id, similarity in best.items() if face_id in faces]


async def _exact(
    connection: Connection, gallery: SealedGallery, query: Query, threshold: float, top_k: int
) -> Best:
    parameters = {
        "gallery_id": gallery.id,
        "key_id": query.key_id,
        "vector": query.vector.tolist(),
        "farthest": -threshold,
        "top_k": top_k,
    }
    rows = await connection.execute(text(_EXACT), parameters)
    return {face_id: _cosine(distance) for face_id, distance in rows}


async def _approximate(
    connection: Connection, gallery: SealedGallery, query: Query, threshold: float, top_k: int
) -> Best | None:
    """The best that an index finds; None where it finds nobody, or cannot find enough."""
    candidates = max(CANDIDATES, CANDIDATES_PER_PERSON * top_k)
    if candidates > MOST_CANDIDATES:
        return None
    effort = min(MOST_CANDIDATES, max(EFFORT, candidates, gallery.face_count // FACES_PER_NEIGHBOUR))
    await connection.execute(text(_TUNE), {"effort": str(effort)})
    statement = text(_APPROXIMATE % {"gallery_id": gallery.id, "dimension": gallery.space.dimension})
    parameters = {"key_id": query.key_id, "vector": query.vector.tolist(), "candidates": candidates}
    rows = (await connection.execute(statement, parameters)).all()
    alike = [row for row in rows if -row[2] >= threshold]
    people: set[bytes] = set()
    best: Best = {}
    for face_id, person, distance in alike:
        if person not in people and len(best) < top_k:
            people.add(person)
            best[face_id] = _cosine(distance)
    # All of them alike enough, and of too few people: others may be behind them.
    hidden = len(alike) == candidates and len(best) < top_k
    return best if best and not hidden else None


def _cosine(distance: float) -> float:
    """From pgvector's negative inner product, less what rounding adds to its range."""
    return min(1.0, max(-1.0, -distance))
