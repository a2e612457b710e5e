"""Galleries on a real Postgres: what is in the tables, indexes, the change of keys, a missing pgvector."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import asyncpg
import numpy as np
import pytest
from sqlalchemy import text

from framecloak.adapters.postgres.schema import Schema
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search import search
from framecloak.adapters.postgres.vector_search.indexes import PostgresGalleryIndexes
from framecloak.adapters.postgres.vector_search.search import _INDEX_SEARCH
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.domain.errors import ExtensionMissingError
from framecloak.domain.model.accounts import Principal, Role
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.reid.galleries.maintenance import GalleryMaintenance
from framecloak.domain.reid.galleries.model import Enrolment, Gallery
from framecloak.domain.reid.galleries.service import GalleryService
from support.use_cases import World

SPACE = EmbeddingSpace("synthetic", "ab" * 32, 32)
PEOPLE = 300
OLD, NEW = bytes(32), bytes([1] * 32)


async def fetch(url: str, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return [*await connection.fetch(query, *values)]
    finally:
        await connection.close()


class Bench:
    """Two people's galleries of random people, two faces each."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.url = world, url
        random = np.random.default_rng(3)
        drawn = random.standard_normal((2 * PEOPLE, SPACE.dimension)).astype(np.float32)
        self.vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        self.indexes = PostgresGalleryIndexes(url)

    def galleries(self, *keys: bytes) -> GalleryService:
        return GalleryService(
            self.world.database, AesGalleryCipher(*keys[:1], keys[1:]), self.world.clock, capacity=10_000
        )

    def upkeep(self, *keys: bytes, above: int = 100) -> GalleryMaintenance:
        vault = AesGalleryCipher(*keys[:1], keys[1:])
        return GalleryMaintenance(self.world.database, vault, self.indexes, above, batch=100)

    async def filled(self, owner: Principal) -> Gallery:
        gallery = await self.galleries(OLD).create(owner, "patients", SPACE)
        faces = [
            Enrolment(f"person {number % PEOPLE}", Embedding(SPACE, vector))
            for number, vector in enumerate(self.vectors)
        ]
        await self.galleries(OLD).enrol(owner, gallery.id, faces)
        return gallery

    async def answers(
        self, owner: Principal, gallery: Gallery, *keys: bytes, top_k: int = 5
    ) -> list[list[str]]:
        galleries = self.galleries(*keys)
        questions = [Embedding(SPACE, vector) for vector in self.vectors[::40]]
        found = [await galleries.search(owner, gallery.id, one, 0.0, top_k) for one in questions]
        return [[match.face.label for match in matches] for matches in found]


@pytest.fixture
async def bench(tmp_path: Path, postgres_database: PostgresDatabase, database_url: str) -> Bench:
    return Bench(World(tmp_path, real_database=postgres_database), database_url)


@pytest.fixture
async def anna(bench: Bench) -> Principal:
    return await bench.world.person("anna", Role.ADMIN)


async def test_an_index_answers_as_an_exact_search_does(bench: Bench, anna: Principal) -> None:
    gallery, other = await bench.filled(anna), await bench.filled(anna)
    wanted = await bench.answers(anna, gallery, OLD)
    assert await bench.upkeep(OLD).maintain_indexes() == 2
    assert await bench.indexes.existing() == {gallery.id, other.id}
    assert await bench.upkeep(OLD).maintain_indexes() == 0
    # A walk through so small a graph finds everything.
    assert await bench.answers(anna, gallery, OLD) == wanted
    # Nobody can be kept in sight long enough for that many: searched exactly.
    many = await bench.answers(anna, gallery, OLD, top_k=PEOPLE)
    assert [labels[:5] for labels in many] == wanted
    await bench.galleries(OLD).delete(anna, other.id)
    await bench.upkeep(OLD, above=10_000).maintain_indexes()
    assert await bench.indexes.existing() == set()
    assert await bench.answers(anna, gallery, OLD) == wanted


async def test_the_index_fits_what_is_asked(
    bench: Bench, anna: Principal, postgres_database: PostgresDatabase
) -> None:
    gallery = await bench.filled(anna)
    await bench.upkeep(OLD).maintain_indexes()
    statement = _INDEX_SEARCH % {"gallery_id": gallery.id, "dimension": SPACE.dimension}
    parameters = {
        "key_id": AesGalleryCipher(OLD).key_id,
        "vector": bench.vectors[0].tolist(),
        "candidates": 100,
    }
    async with postgres_database._engine.connect() as connection:
        # So few faces would be sorted, which is quicker still.
        await connection.execute(text("SET enable_sort = off"))
        plan = await connection.execute(text(f"EXPLAIN {statement}"), parameters)
        assert f"ix_gallery_faces_hnsw_{gallery.id.hex}" in "".join(plan.scalars())


async def test_one_person_with_very_many_faces_hides_nobody(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna)
    near = bench.vectors[0] + 0.001 * bench.vectors[1:201]
    crowd = [
        Enrolment("twin", Embedding(SPACE, vector / np.linalg.norm(vector)))
        for vector in near.astype(np.float32)
    ]
    await bench.galleries(OLD).enrol(anna, gallery.id, crowd)
    wanted = await bench.answers(anna, gallery, OLD)
    assert "twin" in wanted[0]
    assert len(wanted[0]) == 5
    await bench.upkeep(OLD).maintain_indexes()
    assert await bench.answers(anna, gallery, OLD) == wanted


async def test_nobody_is_missed_because_a_walk_through_the_index_went_astray(
    bench: Bench, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = await bench.filled(anna)
    await bench.upkeep(OLD).maintain_indexes()
    # In a large graph a walk may pass by the nearest face; in one as small as this it has to be made to.
    astray = _INDEX_SEARCH.replace("LIMIT :candidates", "LIMIT :candidates OFFSET 1")
    monkeypatch.setattr(search, "_INDEX_SEARCH", astray)
    galleries = bench.galleries(OLD)
    for number, vector in enumerate(bench.vectors[:20]):
        (match,) = await galleries.search(anna, gallery.id, Embedding(SPACE, vector), 0.99, 1)
        assert match.face.label == f"person {number % PEOPLE}"


async def test_what_a_broken_build_left_is_replaced(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna)
    name = f"ix_gallery_faces_hnsw_{gallery.id.hex}"
    await fetch(bench.url, f"create index {name} on gallery_faces (key_id)")
    await fetch(
        bench.url, "update pg_index set indisvalid = false where indexrelid = $1::text::regclass", name
    )
    assert await bench.upkeep(OLD).maintain_indexes() == 1
    (row,) = await fetch(bench.url, "select indexdef from pg_indexes where indexname = $1", name)
    assert "hnsw" in row[0]


async def test_one_builds_at_a_time(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna)
    somebody = await asyncpg.connect(bench.url)
    await somebody.execute("select pg_advisory_lock($1)", 0x46726D64)
    assert await bench.upkeep(OLD).maintain_indexes() == 0
    assert await bench.indexes.existing() == set()
    await somebody.close()
    assert await bench.upkeep(OLD).maintain_indexes() == 1
    assert await bench.indexes.existing() == {gallery.id}


async def test_an_index_of_nothing_is_dropped_quietly(bench: Bench) -> None:
    await bench.indexes.drop(uuid4())
    assert await bench.indexes.existing() == set()


async def test_the_key_changes_in_the_tables(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna)
    await bench.upkeep(OLD).maintain_indexes()
    wanted = await bench.answers(anna, gallery, OLD)
    query = "select label, person, array(select unnest(vector::real[])) from gallery_faces order by id"
    before = await fetch(bench.url, query)
    assert await bench.upkeep(NEW, OLD).rotate_key(anna, lambda _: None) == 1
    after = await fetch(bench.url, query)
    assert len(after) == len(before) == 2 * PEOPLE
    turned = [np.dot(one[2], other[2]) for one, other in zip(before, after, strict=True)]
    # The mean cosine of directions with themselves turned is the trace of a random rotation over 32; its
    # standard deviation is 1/32.
    assert abs(float(np.mean(turned))) < 6 / 32
    assert float(np.max(turned)) < 0.95
    assert not {row[1] for row in before} & {row[1] for row in after}
    assert await bench.answers(anna, gallery, NEW) == wanted
    assert await bench.indexes.existing() == set()
    assert await bench.upkeep(NEW).maintain_indexes() == 1
    assert await bench.answers(anna, gallery, NEW) == wanted


async def test_the_tables_tell_nothing(bench: Bench, anna: Principal) -> None:
    gallery = await bench.filled(anna)
    rows = await fetch(bench.url, "select label, metadata, person, vector::real[] from gallery_faces")
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == 2 * PEOPLE
    # That two rows are of one person shows; who that is does not.
    assert len({row[2] for row in rows}) == PEOPLE
    (stored,) = await fetch(bench.url, "select name from galleries where id = $1", gallery.id)
    assert b"patients" not in stored[0]
    assert not any(b"person" in row[0] for row in rows)
    stolen = np.array([row[3] for row in rows])
    assert (stolen @ bench.vectors.T).max() < 0.95
    await bench.galleries(OLD).delete(anna, gallery.id)
    assert await fetch(bench.url, "select id from gallery_faces") == []


async def test_who_may_not_add_pgvector_is_told_what_to_do(empty_database_url: str) -> None:
    role = f"weak_{uuid4().hex[:8]}"
    await fetch(empty_database_url, "drop extension vector")
    await fetch(empty_database_url, f"create role {role} login password 'secret'")
    await fetch(empty_database_url, f"grant all on schema public to {role}")
    server = empty_database_url.partition("@")[2]
    schema = Schema(f"postgresql://{role}:secret@{server}")
    with pytest.raises(ExtensionMissingError, match=r"superuser.*CREATE EXTENSION vector"):
        await schema.upgrade()
    assert await schema.current_revision() is None
    await fetch(empty_database_url, "create extension vector")
    await schema.upgrade()
    await schema.require_current()
    await fetch(empty_database_url, f"drop owned by {role}")
    await fetch(empty_database_url, f"drop role {role}")
