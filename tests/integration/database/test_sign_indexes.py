"""Sign indexes of large galleries on a real Postgres: complete, current, and without what was deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from framecloak.adapters.postgres.connection import Connection, Record
from framecloak.adapters.postgres.unit_of_work import PostgresDatabase
from framecloak.adapters.postgres.vector_search import search, sign_index
from framecloak.adapters.postgres.vector_search.sign_index import Numbers, SignIndex
from framecloak.domain.imaging.detections import FloatArray
from framecloak.domain.model.accounts import Principal
from framecloak.domain.model.faces import Embedding, EmbeddingSpace
from framecloak.domain.ports.repositories.galleries import EncryptedGallery, RotatedQuery
from framecloak.domain.reid.galleries.model import Enrolment, GalleryMatch
from framecloak.domain.reid.galleries.service import GalleryService
from support.deployment_files import ROOT
from support.use_cases import FakeService

SPACE = EmbeddingSpace("synthetic", "ab" * 32, 512)
FACES = 400


class SignedGallery:
    """A gallery above the limit from which a database keeps its signs in memory, and its owner."""

    def __init__(self, world: FakeService, database: PostgresDatabase) -> None:
        self.world, self.database = world, database
        random = np.random.default_rng(5)
        people = random.standard_normal((FACES // 2, SPACE.dimension))
        samples = np.repeat(people, 2, axis=0) + 0.8 * random.standard_normal((FACES, SPACE.dimension))
        self.vectors: FloatArray = (samples / np.linalg.norm(samples, axis=1, keepdims=True)).astype(
            np.float32
        )
        self.random = random
        self.galleries = GalleryService(database, world.vault, world.clock, capacity=10_000)

    async def create(self) -> None:
        self.owner: Principal = await self.world.person("anna")
        self.id: UUID = (await self.galleries.create(self.owner, "people", SPACE)).id
        await self.enrol(self.vectors)

    async def enrol(self, vectors: FloatArray, first: int = 0) -> None:
        faces = [Enrolment(str(first + n), Embedding(SPACE, vector)) for n, vector in enumerate(vectors)]
        await self.galleries.enrol(self.owner, self.id, faces)

    async def search(self, vector: FloatArray, threshold: float = 0.3, top_k: int = 3) -> list[GalleryMatch]:
        query = Embedding(SPACE, vector)
        return [*await self.galleries.search(self.owner, self.id, query, threshold, top_k)]

    async def labels(self, vector: FloatArray) -> list[str]:
        return [match.face.label for match in await self.search(vector)]

    async def loaded(self) -> SignIndex:
        """Search until the index is loaded."""
        async with asyncio.timeout(30):
            while True:
                await self.search(self.vectors[0])
                for entry in self.database._signs._entries.values():
                    if entry.loaded:
                        return entry.index
                await asyncio.sleep(0.01)

    def stranger(self) -> FloatArray:
        vector = self.random.standard_normal(SPACE.dimension)
        return (vector / np.linalg.norm(vector)).astype(np.float32)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition is never met")


@pytest.fixture
async def gallery(tmp_path: Path, postgres_database: PostgresDatabase) -> SignedGallery:
    signed = SignedGallery(FakeService(tmp_path, real_database=postgres_database), postgres_database)
    postgres_database._signs._above = 100
    await signed.create()
    return signed


async def test_it_finds_what_an_exact_search_finds(
    gallery: SignedGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [*gallery.vectors[::20], *(gallery.stranger() for _ in range(10))]
    index = await gallery.loaded()
    assert (index.faces, index.nbytes) == (FACES, FACES * 72)
    monkeypatch.setattr(gallery.database._signs, "_above", 10_000)
    exact = [
        [(match.face.id, round(match.similarity, 5)) for match in await gallery.search(query)]
        for query in queries
    ]
    monkeypatch.setattr(gallery.database._signs, "_above", 100)

    async def refuse(*_: object) -> None:
        raise AssertionError("the whole gallery was searched")

    monkeypatch.setattr(search, "_search_exactly", refuse)
    found = [
        [(match.face.id, round(match.similarity, 5)) for match in await gallery.search(query)]
        for query in queries
    ]
    assert found == exact
    assert [len(matches) > 0 for matches in found] == [True] * 20 + [False] * 10


async def test_few_faces_are_compared_where_some_are_found(
    gallery: SignedGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all faces that the signs permit, a search reads those that can change its result."""
    await gallery.loaded()
    compared: list[int] = []
    compare = search._compared

    async def counting(
        connection: Connection,
        searched: EncryptedGallery,
        query: RotatedQuery,
        numbers: Numbers,
        threshold: float,
    ) -> Sequence[Record]:
        compared.append(len(numbers))
        return await compare(connection, searched, query, numbers, threshold)

    whole = [
        [(match.face.label, match.similarity) for match in await gallery.search(query, -1.0, top_k)]
        for query, top_k in ((gallery.vectors[3], 400), (gallery.vectors[9], 400))
    ]
    monkeypatch.setattr(search, "_compared", counting)
    monkeypatch.setattr(search, "FIRST_COMPARED", 10)
    for query, everybody in zip((gallery.vectors[3], gallery.vectors[9]), whole, strict=True):
        compared.clear()
        best = await gallery.search(query, -1.0, top_k=2)
        assert [match.face.label for match in best] == [label for label, _ in everybody[:2]]
        # Both faces of the person are found, and few others come near.
        assert sum(compared) < 100
        compared.clear()
        many = await gallery.search(query, -1.0, top_k=150)
        assert [match.face.label for match in many] == [label for label, _ in everybody[:150]]
        assert sum(compared) > 150


async def test_more_candidates_than_are_compared_lead_to_an_exact_search(
    gallery: SignedGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = gallery.stranger()
    monkeypatch.setattr(gallery.database._signs, "_above", 10_000)
    exact = [match.face.label for match in await gallery.search(query, -1.0, FACES)]
    assert len(exact) == FACES
    monkeypatch.setattr(gallery.database._signs, "_above", 100)
    await gallery.loaded()
    monkeypatch.setattr(sign_index, "MAX_CANDIDATES", FACES - 1)
    assert [match.face.label for match in await gallery.search(query, -1.0, FACES)] == exact


async def test_a_filled_gallery_equals_an_enrolled_one(
    gallery: SignedGallery, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The benchmark of large galleries copies rows; they are those that the service would have made."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.faces.gallery_fill import copy_faces

    filled = (await gallery.galleries.create(gallery.owner, "filled", SPACE)).id
    async with gallery.database.unit_of_work() as work:
        encrypted = await work.galleries.get(filled, gallery.owner, gallery.world.clock.now())
    blocks = [(first, gallery.vectors[first : first + 150]) for first in range(0, FACES, 150)]
    assert await copy_faces(database_url, gallery.world.vault, encrypted, blocks) == FACES
    assert (await gallery.galleries.get(gallery.owner, filled)).face_count == FACES
    page = await gallery.galleries.faces(gallery.owner, filled, FACES, 0)
    assert sorted(face.label for face in page.items) == sorted(map(str, range(FACES)))
    for query in (gallery.vectors[7], gallery.vectors[399], gallery.stranger()):
        embedding = Embedding(SPACE, query)
        found, expected = (
            await gallery.galleries.search(gallery.owner, filled, embedding, 0.3, 3),
            await gallery.galleries.search(gallery.owner, gallery.id, embedding, 0.3, 3),
        )
        assert [match.face.label for match in found] == [match.face.label for match in expected]
        assert [match.similarity for match in found] == pytest.approx([m.similarity for m in expected])


async def test_faces_are_found_as_soon_as_they_are_enrolled(gallery: SignedGallery) -> None:
    index = await gallery.loaded()
    newcomers = np.stack([gallery.stranger() for _ in range(3)])
    assert await gallery.labels(newcomers[1]) == []
    await gallery.enrol(newcomers, first=1000)
    assert await gallery.labels(newcomers[1]) == ["1001"]
    assert index.faces == FACES + 3


async def test_a_deleted_face_is_gone_at_once_and_its_signs_too(gallery: SignedGallery) -> None:
    index = await gallery.loaded()
    face = (await gallery.search(gallery.vectors[7]))[0].face
    assert face.label == "7"
    await gallery.galleries.delete_face(gallery.owner, gallery.id, face.id)
    assert index.faces == FACES - 1
    assert "7" not in await gallery.labels(gallery.vectors[7])


async def test_a_face_deleted_by_another_process_disappears(
    gallery: SignedGallery, database_url: str
) -> None:
    index = await gallery.loaded()
    face = (await gallery.search(gallery.vectors[7]))[0].face
    other = PostgresDatabase(database_url)
    async with other.unit_of_work() as work:
        await work.gallery_faces.remove(gallery.id, face.id)
        await work.commit()
    await other.close()
    assert "7" not in await gallery.labels(gallery.vectors[7])
    await until(lambda: index.faces == FACES - 1)


async def test_a_deleted_gallery_leaves_no_signs(gallery: SignedGallery) -> None:
    await gallery.loaded()
    await gallery.galleries.delete(gallery.owner, gallery.id)
    assert not gallery.database._signs._entries


async def test_a_face_that_is_missing_from_the_index_is_found_again(gallery: SignedGallery) -> None:
    index = await gallery.loaded()
    index.remove(index._numbers[7:8])  # as after a deletion that was rolled back
    await gallery.labels(gallery.vectors[7])
    await until(lambda: not gallery.database._signs._entries)
    assert (await gallery.labels(gallery.vectors[7]))[0] == "7"


async def test_enrolment_while_searching_loses_nothing(gallery: SignedGallery) -> None:
    await gallery.loaded()
    newcomers = np.stack([gallery.stranger() for _ in range(60)])

    async def enrol(first: int) -> None:
        await gallery.enrol(newcomers[first : first + 5], first=1000 + first)

    async def look() -> None:
        for vector in gallery.vectors[::80]:
            assert await gallery.labels(vector)

    await asyncio.gather(*(enrol(first) for first in range(0, 60, 5)), *(look() for _ in range(4)))
    for number, vector in enumerate(newcomers):
        assert (await gallery.labels(vector))[0] == str(1000 + number)
