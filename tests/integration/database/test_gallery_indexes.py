"""Galleries on a real Postgres: stored rows, indexes, key rotation, and a missing pgvector."""

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
from support.use_cases import FakeService

SPACE = EmbeddingSpace("synthetic", "ab" * 32, 32)
PEOPLE = 300
OLD, NEW = bytes(32), bytes([1] * 32)


async def fetch(url: str, query: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return [*await connection.fetch(query, *values)]
    finally:
        await connection.close()


class GalleryFixture:
    """Galleries of random people with two faces each, and the services that use them."""

    def __init__(self, world: FakeService, url: str) -> None:
        self.world, self.url = world, url
        random = np.random.default_rng(3)
        samples = random.standard_normal((2 * PEOPLE, SPACE.dimension)).astype(np.float32)
        self.vectors = samples / np.linalg.norm(samples, axis=1, keepdims=True)
        self.indexes = PostgresGalleryIndexes(url)

    def galleries(self, *keys: bytes) -> GalleryService:
        return GalleryService(
            self.world.database, AesGalleryCipher(*keys[:1], keys[1:]), self.world.clock, capacity=10_000
        )

    def maintenance(self, *keys: bytes, above: int = 100) -> GalleryMaintenance:
        cipher = AesGalleryCipher(*keys[:1], keys[1:])
        return GalleryMaintenance(self.world.database, cipher, self.indexes, above, batch=100)

    async def create_filled(self, owner: Principal) -> Gallery:
        gallery = await self.galleries(OLD).create(owner, "patients", SPACE)
        faces = [
            Enrolment(f"person {number % PEOPLE}", Embedding(SPACE, vector))
            for number, vector in enumerate(self.vectors)
        ]
        await self.galleries(OLD).enrol(owner, gallery.id, faces)
        return gallery

    async def search_labels(
        self, owner: Principal, gallery: Gallery, *keys: bytes, top_k: int = 5
    ) -> list[list[str]]:
        galleries = self.galleries(*keys)
        queries = [Embedding(SPACE, vector) for vector in self.vectors[::40]]
        results = [await galleries.search(owner, gallery.id, query, 0.0, top_k) for query in queries]
        return [[match.face.label for match in matches] for matches in results]


@pytest.fixture
async def fixture(tmp_path: Path, postgres_database: PostgresDatabase, database_url: str) -> GalleryFixture:
    return GalleryFixture(FakeService(tmp_path, real_database=postgres_database), database_url)


@pytest.fixture
async def anna(fixture: GalleryFixture) -> Principal:
    return await fixture.world.person("anna", Role.ADMIN)


async def test_an_index_search_equals_an_exact_search(fixture: GalleryFixture, anna: Principal) -> None:
    gallery, other = await fixture.create_filled(anna), await fixture.create_filled(anna)
    expected = await fixture.search_labels(anna, gallery, OLD)
    assert await fixture.maintenance(OLD).maintain_indexes() == 2
    assert await fixture.indexes.existing() == {gallery.id, other.id}
    assert await fixture.maintenance(OLD).maintain_indexes() == 0
    # In so small a graph a search visits every face.
    assert await fixture.search_labels(anna, gallery, OLD) == expected
    # That many results are beyond the index; the search is exact.
    many = await fixture.search_labels(anna, gallery, OLD, top_k=PEOPLE)
    assert [labels[:5] for labels in many] == expected
    await fixture.galleries(OLD).delete(anna, other.id)
    await fixture.maintenance(OLD, above=10_000).maintain_indexes()
    assert await fixture.indexes.existing() == set()
    assert await fixture.search_labels(anna, gallery, OLD) == expected


async def test_the_index_is_used_by_the_search(
    fixture: GalleryFixture, anna: Principal, postgres_database: PostgresDatabase
) -> None:
    gallery = await fixture.create_filled(anna)
    await fixture.maintenance(OLD).maintain_indexes()
    statement = _INDEX_SEARCH % {"gallery_id": gallery.id, "dimension": SPACE.dimension}
    parameters = {
        "key_id": AesGalleryCipher(OLD).key_id,
        "vector": fixture.vectors[0].tolist(),
        "candidates": 100,
    }
    async with postgres_database._engine.connect() as connection:
        # So few faces would be sorted, which is even faster.
        await connection.execute(text("SET enable_sort = off"))
        plan = await connection.execute(text(f"EXPLAIN {statement}"), parameters)
        assert f"ix_gallery_faces_hnsw_{gallery.id.hex}" in "".join(plan.scalars())


async def test_a_person_with_very_many_faces_hides_no_one_else(
    fixture: GalleryFixture, anna: Principal
) -> None:
    gallery = await fixture.create_filled(anna)
    near = fixture.vectors[0] + 0.001 * fixture.vectors[1:201]
    twin_faces = [
        Enrolment("twin", Embedding(SPACE, vector / np.linalg.norm(vector)))
        for vector in near.astype(np.float32)
    ]
    await fixture.galleries(OLD).enrol(anna, gallery.id, twin_faces)
    expected = await fixture.search_labels(anna, gallery, OLD)
    assert "twin" in expected[0]
    assert len(expected[0]) == 5
    await fixture.maintenance(OLD).maintain_indexes()
    assert await fixture.search_labels(anna, gallery, OLD) == expected


async def test_a_nearest_face_missed_by_the_index_is_still_found(
    fixture: GalleryFixture, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = await fixture.create_filled(anna)
    await fixture.maintenance(OLD).maintain_indexes()
    # In a large graph a search can miss the nearest face; in this small one the miss is simulated.
    without_nearest = _INDEX_SEARCH.replace("LIMIT :candidates", "LIMIT :candidates OFFSET 1")
    monkeypatch.setattr(search, "_INDEX_SEARCH", without_nearest)
    galleries = fixture.galleries(OLD)
    for number, vector in enumerate(fixture.vectors[:20]):
        (match,) = await galleries.search(anna, gallery.id, Embedding(SPACE, vector), 0.99, 1)
        assert match.face.label == f"person {number % PEOPLE}"


async def test_an_invalid_index_is_replaced(fixture: GalleryFixture, anna: Principal) -> None:
    gallery = await fixture.create_filled(anna)
    name = f"ix_gallery_faces_hnsw_{gallery.id.hex}"
    await fetch(fixture.url, f"create index {name} on gallery_faces (key_id)")
    await fetch(
        fixture.url, "update pg_index set indisvalid = false where indexrelid = $1::text::regclass", name
    )
    assert await fixture.maintenance(OLD).maintain_indexes() == 1
    (row,) = await fetch(fixture.url, "select indexdef from pg_indexes where indexname = $1", name)
    assert "hnsw" in row[0]


async def test_only_one_process_builds_indexes(fixture: GalleryFixture, anna: Principal) -> None:
    gallery = await fixture.create_filled(anna)
    other_process = await asyncpg.connect(fixture.url)
    await other_process.execute("select pg_advisory_lock($1)", 0x46726D64)
    assert await fixture.maintenance(OLD).maintain_indexes() == 0
    assert await fixture.indexes.existing() == set()
    await other_process.close()
    assert await fixture.maintenance(OLD).maintain_indexes() == 1
    assert await fixture.indexes.existing() == {gallery.id}


async def test_dropping_a_missing_index_is_no_error(fixture: GalleryFixture) -> None:
    await fixture.indexes.drop(uuid4())
    assert await fixture.indexes.existing() == set()


async def test_rotating_the_key_re_encrypts_the_rows(fixture: GalleryFixture, anna: Principal) -> None:
    gallery = await fixture.create_filled(anna)
    await fixture.maintenance(OLD).maintain_indexes()
    expected = await fixture.search_labels(anna, gallery, OLD)
    query = "select label, person, array(select unnest(vector::real[])) from gallery_faces order by id"
    before = await fetch(fixture.url, query)
    assert await fixture.maintenance(NEW, OLD).rotate_key(anna, lambda _: None) == 1
    after = await fetch(fixture.url, query)
    assert len(after) == len(before) == 2 * PEOPLE
    cosines = [np.dot(old_row[2], new_row[2]) for old_row, new_row in zip(before, after, strict=True)]
    # The mean cosine of vectors with their rotated selves is the trace of a random rotation over 32; its
    # standard deviation is 1/32.
    assert abs(float(np.mean(cosines))) < 6 / 32
    assert float(np.max(cosines)) < 0.95
    assert not {row[1] for row in before} & {row[1] for row in after}
    assert await fixture.search_labels(anna, gallery, NEW) == expected
    assert await fixture.indexes.existing() == set()
    assert await fixture.maintenance(NEW).maintain_indexes() == 1
    assert await fixture.search_labels(anna, gallery, NEW) == expected


async def test_the_tables_reveal_no_names_and_no_vectors(fixture: GalleryFixture, anna: Principal) -> None:
    gallery = await fixture.create_filled(anna)
    rows = await fetch(fixture.url, "select label, metadata, person, vector::real[] from gallery_faces")
    assert len({row[0] for row in rows}) == len({row[1] for row in rows}) == 2 * PEOPLE
    # The rows show that two faces belong to one person, but not to whom.
    assert len({row[2] for row in rows}) == PEOPLE
    (stored,) = await fetch(fixture.url, "select name from galleries where id = $1", gallery.id)
    assert b"patients" not in stored[0]
    assert not any(b"person" in row[0] for row in rows)
    stolen = np.array([row[3] for row in rows])
    assert (stolen @ fixture.vectors.T).max() < 0.95
    await fixture.galleries(OLD).delete(anna, gallery.id)
    assert await fetch(fixture.url, "select id from gallery_faces") == []


async def test_a_role_that_cannot_create_pgvector_gets_instructions(empty_database_url: str) -> None:
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
